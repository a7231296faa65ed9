// Reductions to a fixed point, and the kernels that they leave.
#include "reduce/reduce.hpp"

#include <doctest/doctest.h>

#include <set>

#include "reduce/rules.hpp"
#include "reduction_checks.hpp"

namespace liid_cut::test {
namespace {

constexpr Rules kRuleSets[] = {Rules::all, Rules::safe_under_restriction};

PottsModel random_tree(Random& random, NodeId n, LabelId n_labels) {
  std::vector<Edge> edges;
  std::vector<Weight> weights;
  for (NodeId u = 1; u < n; ++u) {
    edges.push_back({integer(random, 0, u - 1), u});
    weights.push_back(uniform(random));
  }
  std::vector<double> probs(static_cast<std::size_t>(n * n_labels));
  for (double& p : probs) p = uniform(random);
  return model_of(make_instance(n_labels, std::move(probs), std::move(edges), std::move(weights)));
}

}  // namespace

TEST_CASE("reductions keep optimum, bound and projection") {
  Random random(4);
  for (std::uint64_t seed = 0; seed < 3000; ++seed) {
    CAPTURE(seed);
    const PottsModel model = random_model(seed);
    for (const Rules rules : kRuleSets) {
      ReducedModel reduced(model);
      reduce(reduced, rules);
      check_reduction(model, reduced, random);
    }
  }
}

TEST_CASE("at the end no rule applies to any node") {
  for (std::uint64_t seed = 0; seed < 3000; ++seed) {
    CAPTURE(seed);
    const PottsModel model = random_model(seed);
    for (const Rules rules : kRuleSets) {
      ReducedModel reduced(model);
      reduce(reduced, rules);
      CHECK(reduced.next_touched() == kNoNode);
      CHECK_FALSE(settle_by_isolating_cuts(reduced));
      for (NodeId u = 0; u < model.n_nodes; ++u) {
        if (!reduced.is_alive(u)) continue;
        CHECK_FALSE(detach_decided_node(reduced, u));
        CHECK_FALSE(eliminate_leaf(reduced, u));
        if (rules != Rules::all) continue;
        CHECK_FALSE(eliminate_labels(reduced, u));
        CHECK_FALSE(contract_heavy_edge(reduced, u));
      }
    }
  }
}

TEST_CASE("rules that are safe under restriction leave every remaining node its labels") {
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    const PottsModel model = random_model(seed);
    ReducedModel reduced(model);
    reduce(reduced, Rules::safe_under_restriction);
    for (NodeId u = 0; u < model.n_nodes; ++u)
      for (std::size_t k = 0; reduced.is_alive(u) && !reduced.arcs(u).empty() && k < model.columns(); ++k)
        CHECK(std::isfinite(reduced.costs(u)[k]) == std::isfinite(model.costs_of(u)[k]));
  }
}

TEST_CASE("trees vanish, with the optimum and its proof") {
  Random random(5);
  for (int i = 0; i < 300; ++i) {
    const PottsModel model = random_tree(random, integer(random, 1, 9), integer(random, 1, 3));
    for (const Rules rules : kRuleSets) {
      ReducedModel reduced(model);
      reduce(reduced, rules);
      CHECK(kernels_of(reduced, model).empty());
      Labelling labels = cheapest_of_rest(model, reduced);
      reduced.lift_labels(labels);
      CHECK(cost_of(model, labels) == doctest::Approx(optimal_cost(model)).epsilon(kTolerance));
      std::vector<double> messages(model.n_edges() * model.columns());
      reduced.lift_messages(messages);
      check_feasible(model, messages);
      CHECK(dual_bound(model, model.unary, messages) == doctest::Approx(cost_of(model, labels)).epsilon(kTolerance));
    }
  }
}

TEST_CASE("kernels are disjoint, connected, and hold every edge that is left") {
  int n_kernels = 0;
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    CAPTURE(seed);
    const PottsModel model = random_model(seed);
    ReducedModel reduced(model);
    reduce(reduced, kRuleSets[seed % 2]);
    std::set<NodeId> nodes;
    std::set<EdgeId> edges;
    NodeId first_before = -1;
    for (const Kernel& kernel : kernels_of(reduced, model)) {
      ++n_kernels;
      CHECK(kernel.nodes.front() > first_before);
      first_before = kernel.nodes.front();
      CHECK(kernel.nodes.front() == *std::min_element(kernel.nodes.begin(), kernel.nodes.end()));
      for (NodeId v = 1; v < kernel.model.n_nodes; ++v) {  // breadth first: each has a neighbour before it
        const auto neighbours = kernel.model.adjacency[v];
        CHECK(std::any_of(neighbours.begin(), neighbours.end(), [&](const Incidence& i) { return i.neighbour < v; }));
      }
      CHECK(std::is_sorted(kernel.edges.begin(), kernel.edges.end()));
      for (const NodeId u : kernel.nodes) CHECK(nodes.insert(u).second);
      for (const EdgeId e : kernel.edges) CHECK(edges.insert(e).second);
      std::vector<Edge> ends = kernel.model.edges;
      CHECK(find_components(Graph::from_edges(kernel.model.n_nodes, ends, kernel.model.weights)).count() == 1);
      REQUIRE(kernel.edges.size() == kernel.model.n_edges());
      for (std::size_t i = 0; i < kernel.edges.size(); ++i)
        CHECK(kernel.model.weights[i] == reduced.weight(static_cast<std::int32_t>(kernel.edges[i])));
    }
    for (NodeId u = 0; u < model.n_nodes; ++u) {
      if (!reduced.is_alive(u)) continue;
      CHECK(nodes.count(u) == (reduced.arcs(u).empty() ? 0 : 1));
      for (const auto& arc : reduced.arcs(u)) CHECK(edges.count(arc.edge) == 1);
    }
  }
  CHECK(n_kernels > 300);
}

}  // namespace liid_cut::test
