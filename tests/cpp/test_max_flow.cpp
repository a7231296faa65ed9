// Maximum flows against Edmonds and Karp's algorithm on an adjacency matrix.
#include "flow/max_flow.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "random_instances.hpp"
#include "slow_max_flow.hpp"

namespace liid_cut::test {
namespace {

enum class Capacities {
  quarters,    // 0, .25, ... 2: many ties, and sums without rounding
  continuous,  // 0 to 1
  decades,     // 1e-12 to 1e12
};

void fill(MaxFlow& flow, Random& random, Capacities kind, int n) {
  const auto capacity = [&] {
    if (kind == Capacities::quarters) return .25 * integer(random, 0, 8);
    if (kind == Capacities::continuous) return uniform(random);
    return std::pow(10.0, 24 * uniform(random) - 12);
  };
  flow.clear(n);
  for (NodeId u = 0; u < n; ++u)
    if (const int which = integer(random, 0, 4); which < 4)  // none, source, sink or both
      flow.add_terminal_weights(u, which & 1 ? capacity() : 0, which & 2 ? capacity() : 0);
  if (n == 1) return;
  const int n_edges = integer(random, 0, 3 * n);
  for (int e = 0; e < n_edges; ++e) {
    const NodeId u = integer(random, 0, n - 1);
    const NodeId v = (u + integer(random, 1, n - 1)) % n;
    flow.add_edge(u, v, capacity(), integer(random, 0, 1) ? capacity() : 0);
  }
}

TEST_CASE("max flow: no nodes, no edges, terminals that meet in a node") {
  MaxFlow flow;
  CHECK(flow.solve() == 0);
  flow.clear(2);
  flow.add_terminal_weights(0, 3, 1);
  flow.add_terminal_weights(0, 0, 1);
  flow.add_terminal_weights(1, 1, 4);
  CHECK(flow.solve() == 3);
  CHECK(flow.is_source_side(0));
  CHECK_FALSE(flow.is_source_side(1));
}

// source - 4 -> 0 - 1 -> 1 - 1 -> 2 - 4 -> sink: both edges are minimum cuts
TEST_CASE("max flow: the minimal source set among equal cuts") {
  MaxFlow flow(3);
  flow.add_terminal_weights(0, 4, 0);
  flow.add_terminal_weights(2, 0, 4);
  flow.add_edge(0, 1, 1, 0);
  flow.add_edge(2, 1, 0, 1);
  CHECK(flow.solve() == 1);
  CHECK(flow.is_source_side(0));
  CHECK_FALSE(flow.is_source_side(1));
  CHECK_FALSE(flow.is_source_side(2));
  CHECK(flow.flow_on(0) == 1);
  CHECK(flow.flow_on(1) == -1);
}

TEST_CASE("max flow: the checker refuses a wrong value and a flow that is not solved") {
  MaxFlow flow(2);
  flow.add_terminal_weights(0, 4, 0);
  flow.add_terminal_weights(1, 0, 4);
  flow.add_edge(0, 1, 3, 0);
  const double value = flow.solve();
  CHECK(is_max_flow(flow, value));
  CHECK_FALSE(is_max_flow(flow, value + 1e-6));
  CHECK_FALSE(is_max_flow(flow, value - 1e-6));
  flow.add_terminal_weights(1, 0, 1);
  CHECK_FALSE(is_max_flow(flow, value));
}

TEST_CASE("max flow: as slow augmenting paths on random graphs") {
  Random random(1);
  MaxFlow flow;
  for (const Capacities kind : {Capacities::quarters, Capacities::continuous, Capacities::decades})
    for (int i = 0; i < 3000; ++i) {
      const int n = integer(random, 1, i % 100 == 0 ? 60 : 12);
      CAPTURE(i);
      CAPTURE(n);
      fill(flow, random, kind, n);
      const double value = flow.solve();
      REQUIRE(is_max_flow(flow, value));
      SlowMaxFlow slow(flow);
      const double largest = kind == Capacities::decades ? 1e12 : 1;  // whose rounding either value may carry
      REQUIRE(value == doctest::Approx(slow.solve()).epsilon(1e-12).scale(largest));
      if (kind == Capacities::quarters)
        for (NodeId u = 0; u < n; ++u) REQUIRE(flow.is_source_side(u) == slow.is_reached(static_cast<std::size_t>(u)));
    }
}

TEST_CASE("max flow: memory that served another graph changes nothing") {
  Random random(2);
  MaxFlow reused;
  for (int i = 0; i < 200; ++i) {
    MaxFlow fresh;
    Random same = random;
    const int n = 1 + i % 30;
    fill(fresh, same, Capacities::continuous, n);
    fill(reused, random, Capacities::continuous, n);
    REQUIRE(fresh.solve() == reused.solve());
    for (std::size_t e = 0; e < fresh.edges().size(); ++e) REQUIRE(fresh.flow_on(e) == reused.flow_on(e));
    for (NodeId u = 0; u < n; ++u) REQUIRE(fresh.is_source_side(u) == reused.is_source_side(u));
  }
}

TEST_CASE("max flow: a long grid between two sides, with its trees far from their roots") {
  constexpr int kSide = 60;
  Random random(3);
  MaxFlow flow(kSide * kSide);
  for (NodeId i = 0; i < kSide; ++i) {
    flow.add_terminal_weights(i * kSide, 10, 0);
    flow.add_terminal_weights(i * kSide + kSide - 1, 0, 10);
    for (NodeId j = 0; j < kSide; ++j) {
      if (j + 1 < kSide) flow.add_edge(i * kSide + j, i * kSide + j + 1, uniform(random), uniform(random));
      if (i + 1 < kSide) flow.add_edge(i * kSide + j, (i + 1) * kSide + j, uniform(random), uniform(random));
    }
  }
  CHECK(is_max_flow(flow, flow.solve()));
}

}  // namespace
}  // namespace liid_cut::test
