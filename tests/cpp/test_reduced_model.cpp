// The model that shrinks: its bookkeeping, and the way back through rules in any order.
#include "reduce/reduced_model.hpp"

#include <doctest/doctest.h>

#include "reduce/rules.hpp"
#include "reduction_checks.hpp"

namespace liid_cut::test {
namespace {

constexpr Rule kRules[] = {eliminate_labels, detach_decided_node, eliminate_leaf, contract_heavy_edge};

// Every arc has its twin at the other end, none a node that left, none a parallel one.
void check_arcs(const PottsModel& model, ReducedModel& reduced) {
  for (NodeId u = 0; u < model.n_nodes; ++u) {
    if (!reduced.is_alive(u)) continue;
    double degree = 0;
    std::vector<NodeId> neighbours;
    for (const auto& arc : reduced.arcs(u)) {
      degree += reduced.weight(arc.edge);
      neighbours.push_back(arc.to);
      REQUIRE(reduced.is_alive(arc.to));
      const auto twins = reduced.arcs(arc.to);
      CHECK(std::count_if(twins.begin(), twins.end(), [&](const auto& twin) {
              return twin.to == u && twin.edge == arc.edge && twin.side == 1 - arc.side;
            }) == 1);
    }
    CHECK(reduced.weighted_degree(u) == degree);
    std::sort(neighbours.begin(), neighbours.end());
    CHECK(std::adjacent_find(neighbours.begin(), neighbours.end()) == neighbours.end());
  }
}

}  // namespace

TEST_CASE("without any rule the model is what it was, and lifting changes nothing") {
  Random random(2);
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const PottsModel model = random_model(seed);
    ReducedModel reduced(model);
    check_arcs(model, reduced);
    Labelling labels = random_labelling(model, random);
    const Labelling before = labels;
    reduced.lift_labels(labels);
    CHECK(labels == before);
    reduced.project(labels);
    CHECK(labels == before);
    std::vector<double> messages = feasible_messages(model, random);
    const std::vector<double> messages_before = messages;
    reduced.lift_messages(messages);
    CHECK(messages == messages_before);
  }
}

TEST_CASE("rules in any order and number keep optimum, bound and projection") {
  Random random(3);
  for (std::uint64_t seed = 0; seed < 4000; ++seed) {
    CAPTURE(seed);
    const PottsModel model = random_model(seed);
    ReducedModel reduced(model);
    for (int i = integer(random, 1, 12); i > 0; --i) {
      const NodeId u = integer(random, 0, model.n_nodes - 1);
      if (reduced.is_alive(u)) kRules[integer(random, 0, 3)](reduced, u);
    }
    check_arcs(model, reduced);
    check_reduction(model, reduced, random);
  }
}

TEST_CASE("nodes are looked at once, and again when their surroundings change") {
  const Instance instance = path();
  ReducedModel reduced(model_of(instance));
  for (NodeId u = 0; u < 4; ++u) CHECK(reduced.next_touched() == u);
  CHECK(reduced.next_touched() == kNoNode);
  reduced.remove_leaf(3);
  CHECK(reduced.next_touched() == 2);
  CHECK(reduced.next_touched() == kNoNode);
  reduced.remove_label(2, 0);  // 1 may now have every label that 2 has, and follow it
  CHECK(reduced.next_touched() == 2);
  CHECK(reduced.next_touched() == 1);
  CHECK(reduced.next_touched() == kNoNode);
}

TEST_CASE("truncation is to w above the smallest") {
  std::vector<double> costs{2, 1, 1.25, kInfinity};
  truncate_to(costs, .5);
  CHECK(costs == std::vector<double>{1.5, 1, 1.25, 1.5});
}

}  // namespace liid_cut::test
