// Laws: changes of a problem that change its optimum in a known way.
#include <doctest/doctest.h>

#include <numeric>

#include "checks.hpp"
#include "liid_cut/solve.hpp"
#include "random_instances.hpp"

namespace liid_cut::test {
namespace {

constexpr std::uint64_t kTrials = 250;

Result solved(const Instance& instance) {
  Settings settings;
  settings.n_threads = 1;
  const Result result = solve(instance.problem(), settings);
  CHECK(result.status == Status::optimal);
  check_claims(instance, result);
  return result;
}

void check_close(double a, double b) { CHECK(a == doctest::Approx(b).epsilon(kTolerance)); }

std::vector<std::size_t> permutation(std::size_t n, Random& random) {
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), std::size_t{0});
  for (std::size_t i = n; i > 1; --i) std::swap(order[i - 1], order[random() % i]);
  return order;
}

// Node u becomes node_to[u] and label k becomes label_to[k].
Instance permuted(const Instance& instance, const std::vector<std::size_t>& node_to,
                  const std::vector<std::size_t>& label_to) {
  std::vector<double> probs(instance.probs.size());
  std::vector<int> allowed(instance.probs.size());
  for (std::size_t u = 0; u < instance.n(); ++u)
    for (std::size_t k = 0; k < instance.columns(); ++k) {
      const std::size_t to = node_to[u] * instance.columns() + label_to[k];
      probs[to] = instance.probs[u * instance.columns() + k];
      allowed[to] = may_take(instance, u, static_cast<LabelId>(k)) ? 1 : 0;
    }
  std::vector<Edge> edges = edges_of(instance);
  for (Edge& edge : edges)
    edge = {static_cast<NodeId>(node_to[static_cast<std::size_t>(edge.u)]),
            static_cast<NodeId>(node_to[static_cast<std::size_t>(edge.v)])};
  Instance result = make_instance(instance.n_labels, std::move(probs), std::move(edges), weights_of(instance));
  allow_only(result, allowed);
  return result;
}

Instance with_graph(Instance instance, std::vector<Edge> edges, std::vector<Weight> weights) {
  instance.graph = Graph::from_edges(instance.graph.n_nodes(), std::move(edges), std::move(weights));
  return instance;
}

}  // namespace

TEST_CASE("permuting the nodes keeps the cost") {
  Random random(51);
  for (std::uint64_t seed = 0; seed < kTrials; ++seed) {
    const Instance instance = trial(seed);
    std::vector<std::size_t> same(instance.columns());
    std::iota(same.begin(), same.end(), std::size_t{0});
    check_close(solved(permuted(instance, permutation(instance.n(), random), same)).cost, solved(instance).cost);
  }
}

TEST_CASE("permuting the labels keeps the cost") {
  Random random(52);
  for (std::uint64_t seed = 0; seed < kTrials; ++seed) {
    const Instance instance = trial(seed);
    std::vector<std::size_t> same(instance.n());
    std::iota(same.begin(), same.end(), std::size_t{0});
    check_close(solved(permuted(instance, same, permutation(instance.columns(), random))).cost, solved(instance).cost);
  }
}

TEST_CASE("scaling all weights scales the cost") {
  for (std::uint64_t seed = 0; seed < kTrials; ++seed) {
    const Instance instance = trial(seed);
    const double cost = solved(instance).cost;
    for (const double scale : {1e-3, 3.0, 1e6, 1e12}) {
      Instance scaled = instance;
      for (double& p : scaled.probs) p *= scale;
      std::vector<Weight> weights = weights_of(instance);
      for (Weight& w : weights) w *= scale;
      check_close(solved(with_graph(scaled, edges_of(instance), weights)).cost / scale, cost);
    }
  }
}

TEST_CASE("a constant on a row costs that constant for each label but one") {
  Random random(53);
  for (std::uint64_t seed = 0; seed < kTrials; ++seed) {
    const Instance instance = trial(seed);
    Instance raised = instance;
    double total = 0;
    for (std::size_t u = 0; u < instance.n(); ++u) {
      const double constant = uniform(random);
      for (std::size_t k = 0; k < instance.columns(); ++k) raised.probs[u * instance.columns() + k] += constant;
      total += constant * static_cast<double>(instance.columns() - 1);
    }
    check_close(solved(raised).cost, solved(instance).cost + total);
  }
}

TEST_CASE("an edge and its two halves in parallel are the same, to the bit") {
  for (std::uint64_t seed = 0; seed < kTrials; ++seed) {
    const Instance instance = trial(seed);
    std::vector<Edge> edges = edges_of(instance);
    std::vector<Weight> weights = weights_of(instance);
    for (std::size_t e = 0; e < edges_of(instance).size(); ++e) {
      weights[e] *= .5;
      edges.push_back({edges[e].v, edges[e].u});
      weights.push_back(weights[e]);
    }
    const Result split = solved(with_graph(instance, edges, weights));
    const Result whole = solved(instance);
    CHECK(split.labels == whole.labels);
    CHECK(split.cost == whole.cost);
    CHECK(split.messages == whole.messages);
  }
}

TEST_CASE("a heavier edge never lowers the cost, by at most what it gained") {
  for (std::uint64_t seed = 0; seed < kTrials; ++seed) {
    const Instance instance = trial(seed);
    if (instance.graph.n_edges() == 0) continue;
    std::vector<Weight> weights = weights_of(instance);
    weights[0] += .5;
    const double cost = solved(instance).cost;
    const double heavier = solved(with_graph(instance, edges_of(instance), weights)).cost;
    CHECK(heavier >= cost - kTolerance);
    CHECK(heavier <= cost + .5 + kTolerance);
  }
}

}  // namespace liid_cut::test
