// The rule that folds leaves into their neighbours.
#include <doctest/doctest.h>

#include "reduce/rules.hpp"
#include "reduction_checks.hpp"

namespace liid_cut::test {

TEST_CASE("eliminating leaves keeps optimum, bound and projection on random models") { check_rule(eliminate_leaf); }

TEST_CASE("a leaf's best answers move to its neighbour") {
  //  costs (0, .25, 1, not allowed)  0 --- .5 --- 1  costs 0
  Instance instance = make_instance(4, {1, .75, 0, 0, 0, 0, 0, 0}, {{0, 1}}, {.5});
  allow_only(instance, {1, 1, 1, 0, 1, 1, 1, 1});
  ReducedModel reduced(model_of(instance));
  const double base = reduced.costs(0)[0];
  CHECK(eliminate_leaf(reduced, 0));
  CHECK_FALSE(reduced.is_alive(0));
  CHECK(reduced.arcs(1).empty());
  const auto costs = reduced.costs(1);
  CHECK(std::vector<double>(costs.begin(), costs.end()) == std::vector<double>{base, base + .25, base + .5, base + .5});
}

TEST_CASE("neither a node without edges nor one with two is a leaf") {
  ReducedModel single(model_of(make_instance(2, {1, 0}, {}, {})));
  CHECK_FALSE(eliminate_leaf(single, 0));
  ReducedModel reduced(model_of(triangle()));
  for (NodeId u = 0; u < 3; ++u) CHECK_FALSE(eliminate_leaf(reduced, u));
}

}  // namespace liid_cut::test
