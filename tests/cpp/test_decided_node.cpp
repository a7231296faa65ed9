// The rule that detaches nodes with a single label left.
#include <doctest/doctest.h>

#include "reduce/rules.hpp"
#include "reduction_checks.hpp"

namespace liid_cut::test {

TEST_CASE("detaching decided nodes keeps optimum, bound and projection on random models") {
  check_rule(detach_decided_node);
}

TEST_CASE("the neighbours of a decided node pay for every other label") {
  //  (only label 1)  0 --- .5 --- 1  (1, 0, 1)
  Instance instance = make_instance(3, {0, 0, 0, 1, 0, 1}, {{0, 1}}, {.5});
  allow_only(instance, {0, 1, 0, 1, 1, 1});
  ReducedModel reduced(model_of(instance));
  CHECK_FALSE(detach_decided_node(reduced, 1));
  CHECK(detach_decided_node(reduced, 0));
  CHECK(reduced.is_alive(0));
  CHECK(reduced.arcs(0).empty());
  CHECK(reduced.arcs(1).empty());
  const auto costs = reduced.costs(1);
  CHECK(std::vector<double>(costs.begin(), costs.end()) == std::vector<double>{1.5, 2, 1.5});
  CHECK_FALSE(detach_decided_node(reduced, 0));
}

}  // namespace liid_cut::test
