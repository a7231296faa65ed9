// Inequalities of cycles: valid for every labelling, violated by the LP solution they are for, and of use.
#include "lp/cycle_cuts.hpp"

#include <doctest/doctest.h>

#include "gaps.hpp"
#include "lp/ckr_lp.hpp"
#include "lp/highs_session.hpp"
#include "models.hpp"

namespace liid_cut::test {
namespace {

// Edges of the cycle that are cut, and 2 for each label that the node named for it takes.
double left_side(const PottsModel& model, const ProofCut& cut, const Labelling& labels) {
  const auto label = [&](NodeId u) { return labels[static_cast<std::size_t>(u)]; };
  double total = 0;
  for (const EdgeId e : cut.edges) {
    const auto [u, v] = model.edges[static_cast<std::size_t>(e)];
    total += label(u) != label(v) ? 1 : 0;
  }
  for (LabelId k = 0; k < model.n_labels; ++k)
    if (label(cut.named[static_cast<std::size_t>(k)]) == k) total += 2;
  return total;
}

// The same of an LP solution, with half of |x_u - x_v|_1 for an edge.
double left_side(const PottsModel& model, const ProofCut& cut, std::span<const double> x) {
  double total = 0;
  for (const EdgeId e : cut.edges)
    for (LabelId k = 0; k < model.n_labels; ++k) {
      const auto [u, v] = model.edges[static_cast<std::size_t>(e)];
      total += std::abs(x[model.index(u, k)] - x[model.index(v, k)]) / 2;
    }
  for (LabelId k = 0; k < model.n_labels; ++k) total += 2 * x[model.index(cut.named[static_cast<std::size_t>(k)], k)];
  return total;
}

PottsModel model_with_gap(std::uint64_t seed) {
  return seed % 2 == 0 ? random_model(seed) : model_of(instance_with_gap(seed / 2));
}

}  // namespace

TEST_CASE("cuts hold for every labelling, and the LP solution violates them, the first the most") {
  Random random(13);
  const StopSignal never(kInfinity);
  HighsSession session(never);
  int n_cuts = 0;
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    CAPTURE(seed);
    const PottsModel model = model_with_gap(seed);
    const LinearProgram lp = ckr_lp(model);
    session.load(model, lp);
    const std::vector<double> x = session.solve(model.unary).x;
    double before = 0;
    for (const ProofCut& cut : violated_cycle_cuts(model, x)) {
      ++n_cuts;
      CHECK(cut.multiplier == 0);
      CHECK(cut.edges.size() >= 3);
      REQUIRE(cut.named.size() == model.columns());
      const double side = left_side(model, cut, x);
      CHECK(side < 2);
      CHECK(side >= before - kTolerance);
      before = side;
      for (int i = 0; i < 20; ++i) CHECK(left_side(model, cut, random_labelling(model, random)) >= 2);
      for (LabelId k = 0; k < model.n_labels; ++k)
        CHECK(left_side(model, cut, Labelling(static_cast<std::size_t>(model.n_nodes), k)) >= 2);
    }
  }
  CHECK(n_cuts > 100);
}

TEST_CASE("with cuts the LP's messages and multipliers prove more, and never more than the optimum") {
  const StopSignal never(kInfinity);
  HighsSession session(never);
  int n_raised = 0;
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    CAPTURE(seed);
    const PottsModel model = model_with_gap(seed);
    const double optimum = optimal_cost(model);
    const LinearProgram lp = ckr_lp(model);
    session.load(model, lp);
    LpSolution solution = session.solve(model.unary);
    CHECK(solution.cuts.empty());
    const double first = dual_bound(model, model.unary, solution.messages);
    double bound = first;
    for (int round = 0; round < 3; ++round) {
      session.add_cuts(violated_cycle_cuts(model, solution.x));
      solution = session.solve(model.unary);
      REQUIRE(solution.status == LpStatus::optimal);
      std::vector<double> taken(model.n_edges(), 0.0);
      for (const ProofCut& cut : solution.cuts) {
        CHECK(cut.multiplier > 0);
        for (const EdgeId e : cut.edges) taken[static_cast<std::size_t>(e)] += cut.multiplier;
      }
      for (std::size_t i = 0; i < solution.messages.size(); ++i) {
        CHECK(solution.messages[i] >= 0);
        CHECK(solution.messages[i] <= model.weights[i / model.columns()] - taken[i / model.columns()] + kTolerance);
      }
      const double now = dual_bound(model, without_cuts(model, model.unary, solution.cuts), solution.messages) +
                         bound_of_cuts(solution.cuts);
      CHECK(now >= bound - 1e-7);  // the LP is solved to a tolerance
      CHECK(now <= optimum + kTolerance);
      bound = now;
    }
    n_raised += bound > first + 1e-3;
  }
  CHECK(n_raised > 50);
}

TEST_CASE("the triangle needs a single cut; a tree and a decided model have none") {
  const StopSignal never(kInfinity);
  HighsSession session(never);
  for (const Instance& instance : {triangle(), path(), star()}) {
    const PottsModel model = model_of(instance);
    const LinearProgram lp = ckr_lp(model);
    session.load(model, lp);
    const auto cuts = violated_cycle_cuts(model, session.solve(model.unary).x);
    CHECK(cuts.size() == (model.edges.size() == 3 && model.n_nodes == 3 ? 1 : 0));
  }
  const PottsModel model = model_of(triangle());
  CHECK(violated_cycle_cuts(model, std::vector<double>{1, 0, 0, 1, 0, 0, 0, 1, 0}).empty());
}

}  // namespace liid_cut::test
