// The rule that contracts edges heavier than whatever else their end can gain.
#include <doctest/doctest.h>

#include "reduce/rules.hpp"
#include "reduction_checks.hpp"

namespace liid_cut::test {
namespace {

// Costs of 0 spread by .25, its other edge weighs .5.
//
//   (.25, 0)  0 --- heavy --- 1  (0, 0)
//              \            /
//               .5        .5
//                 \      /
//                  2 (0, 0)
PottsModel with_heavy_edge(Weight heavy) {
  return model_of(make_instance(2, {.25, 0, 0, 0, 0, 0}, {{0, 1}, {0, 2}, {1, 2}}, {heavy, .5, .5}));
}

}  // namespace

TEST_CASE("contracting heavy edges keeps optimum, bound and projection on random models") {
  check_rule(contract_heavy_edge);
}

TEST_CASE("an edge is contracted from its threshold on, and parallel edges merge") {
  ReducedModel light(with_heavy_edge(.7499));
  CHECK_FALSE(contract_heavy_edge(light, 0));
  ReducedModel reduced(with_heavy_edge(.75));
  CHECK(contract_heavy_edge(reduced, 0));
  CHECK_FALSE(reduced.is_alive(0));
  REQUIRE(reduced.arcs(1).size() == 1);
  REQUIRE(reduced.arcs(2).size() == 1);
  CHECK(reduced.arcs(2)[0].to == 1);
  CHECK(reduced.weight(reduced.arcs(2)[0].edge) == 1);
}

TEST_CASE("a node is not contracted into one that may take a label that it may not") {
  Instance instance = make_instance(2, {0, 0, 0, 0, 0, 0}, {{0, 1}, {0, 2}, {1, 2}}, {9, 1, 1});
  allow_only(instance, {1, 0, 1, 1, 1, 1});
  ReducedModel reduced(model_of(instance));
  CHECK_FALSE(contract_heavy_edge(reduced, 0));
  CHECK(contract_heavy_edge(reduced, 1));  // 0 may only take label 0, which 1 may, too
}

}  // namespace liid_cut::test
