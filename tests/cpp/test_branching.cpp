// Which node and label the search tree is divided by.
#include "search/branching.hpp"

#include <doctest/doctest.h>

#include "models.hpp"

namespace liid_cut::test {
namespace {

using Split = std::pair<NodeId, LabelId>;

// Two nodes that an edge holds together, and one by itself that hesitates as much.
//
//   (1, 0) 0 --- 4 --- 1 (0, 1)      2 (.5, .5)
PottsModel model() { return model_of(make_instance(2, {1, 0, 0, 1, .5, .5}, {{0, 1}}, {4})); }

}  // namespace

TEST_CASE("the node whose labels move the bound most is divided") {
  const PottsModel m = model();
  const std::vector<double> x(6, .5);
  CHECK(choose_split(m, m.unary, x, {}, 10) == Split{0, 0});
  std::vector<double> unary = m.unary;  // node 0 has no choice: its neighbour follows it, and node 1 gains by that
  unary[1] = kInfinity;
  CHECK(choose_split(m, unary, x, {}, 10) == Split{1, 0});
}

TEST_CASE("without a solution the first node with a choice and its cheapest label are taken") {
  const PottsModel m = model();
  std::vector<double> unary = m.unary;
  unary[0] = kInfinity;
  CHECK(choose_split(m, unary, {}, {}, 10) == Split{1, 1});
}

TEST_CASE("where no node has a choice it is the first node and the label that it has left") {
  const PottsModel m = model();
  const std::vector<double> unary{kInfinity, 1, 1, kInfinity, 0, kInfinity};
  CHECK(choose_split(m, unary, {}, {}, 10) == Split{0, 1});
  CHECK(choose_split(m, unary, std::vector<double>{0, 1, 1, 0, 1, 0}, {}, 10) == Split{0, 1});
}

TEST_CASE("a split divides: its label is left, and another one, too") {
  Random random(7);
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    CAPTURE(seed);
    const PottsModel m = random_model(seed);
    std::vector<double> x(m.unary.size());
    for (double& v : x) v = uniform(random);
    const auto left = [&](NodeId u) {
      const auto costs = m.costs_of(u);
      return std::count_if(costs.begin(), costs.end(), [](double c) { return std::isfinite(c); });
    };
    bool has_choice = false;
    for (NodeId u = 0; u < m.n_nodes; ++u) has_choice = has_choice || left(u) > 1;
    if (!has_choice) continue;
    const auto [u, k] = choose_split(m, m.unary, x, feasible_messages(m, random), uniform(random));
    CHECK(left(u) > 1);
    CHECK(m.is_allowed(u, k));
  }
}

TEST_CASE("the likeliest label is a cheap one's largest share, the lower of equal ones") {
  CHECK(likeliest_label(std::vector<double>{1, 1, 1}, std::vector<double>{.2, .4, .4}) == 1);
  CHECK(likeliest_label(std::vector<double>{1, kInfinity, 1}, std::vector<double>{.2, .6, .2}) == 0);
}

}  // namespace liid_cut::test
