// The rule that settles the nodes on one terminal's side of a minimum cut.
#include <doctest/doctest.h>

#include "reduce/rules.hpp"
#include "reduction_checks.hpp"

namespace liid_cut::test {
TEST_CASE("isolating cuts keep optimum, bound and projection on random models") {
  Random random(1);
  int n_reduced = 0;
  for (std::uint64_t seed = 0; seed < 3000; ++seed) {
    CAPTURE(seed);
    const PottsModel model = random_model(seed);
    ReducedModel reduced(model);
    n_reduced += settle_by_isolating_cuts(reduced);
    while (settle_by_isolating_cuts(reduced)) continue;
    check_reduction(model, reduced, random);
  }
  CHECK(n_reduced > 300);
}

TEST_CASE("nodes are settled together where none could be alone") {
  //  (1.5, 0, 0)  0 --- .75 --- 1  (0, .5, 0)     With label 0, node 1 pays .5 more and saves .75 if 0 has it; node 0
  //                \                              gains 1.5 and cuts .5 at most. Node 2 pays 2 more and saves .5: it is
  //                 .5 --- 2  (0, 2, 2)           left, and pays .5 for labels 1 and 2.
  const PottsModel model = model_of(make_instance(3, {1.5, 0, 0, 0, .5, 0, 0, 2, 2}, {{0, 1}, {0, 2}}, {.75, .5}));
  ReducedModel reduced(model);
  CHECK(settle_by_isolating_cuts(reduced));
  for (const NodeId u : {0, 1, 2}) CHECK(reduced.arcs(u).empty());
  for (const NodeId u : {0, 1}) {
    CHECK(std::isfinite(reduced.costs(u)[0]));
    CHECK(std::isinf(reduced.costs(u)[1]));
    CHECK(std::isinf(reduced.costs(u)[2]));
  }
  const auto costs = reduced.costs(2);
  CHECK(std::vector<double>(costs.begin(), costs.end()) == std::vector<double>{4, 2.5, 2.5});
}

TEST_CASE("a tie settles nothing") {
  ReducedModel reduced(model_of(make_instance(2, {1, 1, 1, 1}, {{0, 1}}, {1})));
  CHECK_FALSE(settle_by_isolating_cuts(reduced));
}

TEST_CASE("nodes that may not take the label pay for their edges to the settled ones") {
  //  (1, 0, 0)  0 --- .75 --- 1  (not label 0; 0, 0, .5)
  Instance instance = make_instance(3, {1, 0, 0, 0, 0, .5}, {{0, 1}}, {.75});
  allow_only(instance, {1, 1, 1, 0, 1, 1});
  ReducedModel reduced(model_of(instance));
  CHECK(settle_by_isolating_cuts(reduced));
  CHECK(std::isinf(reduced.costs(0)[1]));
  const auto costs = reduced.costs(1);
  CHECK(std::vector<double>(costs.begin(), costs.end()) == std::vector<double>{kInfinity, 1.25, .75});
}

}  // namespace liid_cut::test
