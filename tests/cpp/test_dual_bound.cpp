// Bounds of dual messages: never above the optimum, and exact for a decided labelling.
#include "bound/dual_bound.hpp"

#include <doctest/doctest.h>

#include "models.hpp"

namespace liid_cut::test {

TEST_CASE("random feasible messages never prove more than the optimum") {
  Random random(7);
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    const Instance instance = trial(seed);
    const PottsModel model = model_of(instance);
    const double optimum = enumerate(instance).cost;
    for (int i = 0; i < 20; ++i)
      CHECK(dual_bound(model, model.unary, feasible_messages(model, random)) <= optimum + kTolerance);
  }
}

TEST_CASE("zero messages prove the sum of each node's cheapest label") {
  const Instance instance = triangle();
  const PottsModel model = model_of(instance);
  CHECK(dual_bound(model, model.unary, std::vector<double>(9, 0.0)) == kTriangleZeroBound);
}

TEST_CASE("the triangle's best messages prove the LP's value") {
  const Instance instance = triangle();
  const PottsModel model = model_of(instance);
  REQUIRE(model.edges == std::vector<Edge>{{0, 1}, {0, 2}, {1, 2}});
  // On each edge the label that both ends want gets 0; the one that an end alone wants becomes .25 dearer there.
  const double y = .25;
  const std::vector<double> messages{y, 0, -y, 0, y, -y, -y, y, 0};
  CHECK(dual_bound(model, model.unary, messages) == doctest::Approx(kTriangleLp));
}

TEST_CASE("a constant on all messages of an edge changes nothing") {
  Random random(8);
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    const Instance instance = trial(seed);
    const PottsModel model = model_of(instance);
    const auto messages = feasible_messages(model, random);
    auto shifted = messages;
    for (std::size_t e = 0; e < model.n_edges(); ++e) {
      const double constant = uniform(random);
      for (std::size_t k = 0; k < model.columns(); ++k) shifted[e * model.columns() + k] += constant;
    }
    CHECK(dual_bound(model, model.unary, shifted) ==
          doctest::Approx(dual_bound(model, model.unary, messages)).epsilon(kTolerance));
  }
}

TEST_CASE("ruling labels out raises the bound, to infinity where none is left") {
  const Instance instance = path();
  const PottsModel model = model_of(instance);
  const std::vector<double> zero(model.n_edges() * model.columns(), 0.0);
  std::vector<double> unary = model.unary;
  CHECK(dual_bound(model, unary, zero) == 1);
  unary[model.index(0, 0)] = kInfinity;
  CHECK(dual_bound(model, unary, zero) == 2);
  unary[model.index(0, 1)] = kInfinity;
  CHECK(dual_bound(model, unary, zero) == kInfinity);
}

TEST_CASE("messages of a labelling prove its cost when nothing else is left") {
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    const Instance instance = trial(seed);
    const PottsModel model = model_of(instance);
    const Labelling labels = enumerate(instance).labels;
    std::vector<double> unary(model.unary.size(), kInfinity);
    for (NodeId u = 0; u < model.n_nodes; ++u) {
      const std::size_t i = model.index(u, labels[static_cast<std::size_t>(u)]);
      unary[i] = model.unary[i];
    }
    const auto messages = messages_of_labelling(model, labels);
    CHECK(dual_bound(model, unary, messages) == doctest::Approx(cost_of(model, labels)).epsilon(kTolerance));
    for (std::size_t i = 0; i < messages.size(); ++i)
      CHECK((messages[i] == 0 || messages[i] == model.weights[i / model.columns()]));
  }
}

TEST_CASE("normalised messages start at 0, prove the same, and cut off what is above the weight") {
  Random random(9);
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const PottsModel model = random_model(seed);
    const auto messages = feasible_messages(model, random);
    auto normal = messages;
    normalise(model, normal);
    for (std::size_t e = 0; e < model.n_edges(); ++e) {
      const auto y = std::span(normal).subspan(e * model.columns(), model.columns());
      CHECK(*std::min_element(y.begin(), y.end()) == 0);
      CHECK(*std::max_element(y.begin(), y.end()) <= model.weights[e]);
    }
    CHECK(dual_bound(model, model.unary, normal) ==
          doctest::Approx(dual_bound(model, model.unary, messages)).epsilon(kTolerance));
  }
}

TEST_CASE("reparametrised costs move messages from the second end to the first, for every labelling the same cost") {
  Random random(10);
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    PottsModel model = random_model(seed);
    const auto messages = feasible_messages(model, random);
    const Labelling labels = random_labelling(model, random);
    double moved = 0;
    for (std::size_t e = 0; e < model.n_edges(); ++e) {
      const auto label = [&](NodeId u) { return static_cast<std::size_t>(labels[static_cast<std::size_t>(u)]); };
      moved += messages[e * model.columns() + label(model.edges[e].u)];
      moved -= messages[e * model.columns() + label(model.edges[e].v)];
    }
    const double cost = cost_of(model, labels);
    model.unary = reparametrised(model, model.unary, messages);
    CHECK(cost_of(model, labels) == doctest::Approx(cost + moved).epsilon(kTolerance));
  }
}

}  // namespace liid_cut::test
