// The rule that removes labels no node of a cheapest labelling needs.
#include <doctest/doctest.h>

#include "reduce/rules.hpp"
#include "reduction_checks.hpp"

namespace liid_cut::test {

TEST_CASE("label elimination keeps optimum, bound and projection on random models") { check_rule(eliminate_labels); }

TEST_CASE("a label leaves when its surcharge reaches the weighted degree") {
  //  costs (0, .5, .25, 1)  0 --- .5 --- 1
  const Instance instance = make_instance(4, {1, .5, .75, 0, 1, 1, 1, 1}, {{0, 1}}, {.5});
  const PottsModel model = model_of(instance);
  ReducedModel reduced(model);
  CHECK(eliminate_labels(reduced, 0));
  CHECK(std::isfinite(reduced.costs(0)[0]));
  CHECK(reduced.costs(0)[1] == kInfinity);
  CHECK(std::isfinite(reduced.costs(0)[2]));
  CHECK(reduced.costs(0)[3] == kInfinity);
  CHECK_FALSE(eliminate_labels(reduced, 0));
  CHECK_FALSE(eliminate_labels(reduced, 1));
}

TEST_CASE("of equal labels a node without edges keeps the first") {
  const Instance instance = make_instance(3, {0, .5, .5}, {}, {});
  ReducedModel reduced(model_of(instance));
  CHECK(eliminate_labels(reduced, 0));
  CHECK(reduced.costs(0)[0] == kInfinity);
  CHECK(std::isfinite(reduced.costs(0)[1]));
  CHECK(reduced.costs(0)[2] == kInfinity);
}

}  // namespace liid_cut::test
