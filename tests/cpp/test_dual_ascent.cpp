// Dual ascent: bounds that never fall and never exceed the optimum, and are the optimum on trees.
#include "bound/dual_ascent.hpp"

#include <doctest/doctest.h>

#include "lp/ckr_lp.hpp"
#include "lp/highs_session.hpp"
#include "models.hpp"

namespace liid_cut::test {
namespace {

double bound_of(const PottsModel& model, const std::vector<double>& messages) {
  check_feasible(model, messages);
  return dual_bound(model, model.unary, messages);
}

bool is_forest(const PottsModel& model) {
  const Graph graph = Graph::from_edges(model.n_nodes, model.edges, model.weights);
  return graph.n_edges() == model.n_nodes - find_components(graph).count();
}

}  // namespace

TEST_CASE("the bound never falls and never exceeds the optimum; labellings are allowed") {
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    CAPTURE(seed);
    const PottsModel model = random_model(seed);
    const double optimum = optimal_cost(model);
    DualAscent ascent(model, {});
    Labelling labels;
    double before = bound_of(model, ascent.messages());
    CHECK(before >= dual_bound(model, model.unary, {}) - kTolerance);
    for (int i = 0; i < 10; ++i) {
      ascent.iterate(labels);
      const double bound = bound_of(model, ascent.messages());
      CHECK(bound >= before - kTolerance);
      CHECK(bound <= optimum + kTolerance);
      before = bound;
      REQUIRE(labels.size() == static_cast<std::size_t>(model.n_nodes));
      for (NodeId u = 0; u < model.n_nodes; ++u) CHECK(model.is_allowed(u, labels[static_cast<std::size_t>(u)]));
    }
  }
}

TEST_CASE("trees reach their optimum") {
  int n_trees = 0;
  for (std::uint64_t seed = 0; seed < 3000; ++seed) {
    const PottsModel model = random_model(seed);
    if (!is_forest(model)) continue;
    CAPTURE(seed);
    ++n_trees;
    DualAscent ascent(model, {});
    Labelling labels;
    for (int i = 0; i < 20; ++i) ascent.iterate(labels);
    CHECK(bound_of(model, ascent.messages()) == doctest::Approx(optimal_cost(model)).epsilon(kTolerance));
  }
  CHECK(n_trees > 500);
}

TEST_CASE("a warm start keeps what its messages prove") {
  Random random(8);
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    CAPTURE(seed);
    const PottsModel model = random_model(seed);
    std::vector<double> messages = feasible_messages(model, random);
    for (int i = 0; i < 2; ++i) {  // random ones, then those of an ascent
      const double bound = bound_of(model, messages);
      DualAscent ascent(model, messages);
      CHECK(bound_of(model, ascent.messages()) >= bound - kTolerance);
      Labelling labels;
      ascent.iterate(labels);
      messages = ascent.messages();
      CHECK(bound_of(model, messages) >= bound - kTolerance);
    }
  }
}

TEST_CASE("labels that are not allowed leave messages finite, even where one label is left to all") {
  Instance instance = simplex_grid(4);
  const PottsModel model = model_of(instance);
  DualAscent ascent(model, {});
  Labelling labels;
  for (int i = 0; i < 50; ++i) ascent.iterate(labels);
  CHECK(bound_of(model, ascent.messages()) <= 7.5 + kTolerance);  // its LP's value

  Instance decided = path();
  allow_only(decided, {1, 0, 1, 0, 0, 1, 0, 1});
  const PottsModel decided_model = model_of(decided);
  DualAscent at_once(decided_model, {});
  at_once.iterate(labels);
  CHECK(labels == Labelling{0, 0, 1, 1});
  CHECK(bound_of(decided_model, at_once.messages()) == doctest::Approx(1.3).epsilon(kTolerance));
}

TEST_CASE("the ascent stays below its linear program, and comes near to it on a grid") {
  const PottsModel model = model_of(potts_grid(8, 4, 2));
  const LinearProgram lp = ckr_lp(model);
  const StopSignal never(kInfinity);
  HighsSession session(never);
  session.load(model, lp);
  const double lp_bound = dual_bound(model, model.unary, session.solve(model.unary).messages);
  DualAscent ascent(model, {});
  Labelling labels;
  for (int i = 0; i < 300; ++i) ascent.iterate(labels);
  const double bound = bound_of(model, ascent.messages());
  CHECK(bound <= lp_bound + kTolerance);
  CHECK(bound >= .995 * lp_bound);
}

TEST_CASE("the same model gives the same bits, whatever labels were handed in and messages looked at") {
  const PottsModel model = model_of(potts_grid(7, 5, 3));
  DualAscent one(model, {});
  DualAscent two(model, std::vector<double>(model.n_edges() * model.columns(), 0.0));
  Labelling labels;
  Labelling others(3, 4);
  for (int i = 0; i < 20; ++i) {
    one.iterate(labels);
    two.iterate(others);
    if (i % 3 == 0) static_cast<void>(one.messages());
    CHECK(labels == others);
    others.assign(1, 2);
  }
  CHECK(one.messages() == two.messages());
}

}  // namespace liid_cut::test
