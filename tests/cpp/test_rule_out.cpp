// Labels ruled out by messages: none of a labelling that is strictly better than the target.
#include "bound/rule_out.hpp"

#include <doctest/doctest.h>

#include "models.hpp"

namespace liid_cut::test {
namespace {

// The cheapest cost with u's label k, by enumeration.
double optimal_cost_with(PottsModel model, NodeId u, LabelId k) {
  for (LabelId j = 0; j < model.n_labels; ++j)
    if (j != k) model.unary[model.index(u, j)] = kInfinity;
  return optimal_cost(model);
}

}  // namespace

TEST_CASE("no labelling with a label that is ruled out is better than the target, nor than the bound") {
  Random random(9);
  int n_ruled_out = 0;
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    CAPTURE(seed);
    const PottsModel model = random_model(seed);
    const Labelling keep = random_labelling(model, random);
    const double target = cost_of(model, keep);
    const std::vector<double> messages = feasible_messages(model, random);
    const RuledOut ruled_out = labels_to_rule_out(model, model.unary, messages, target, keep);
    CHECK(ruled_out.bound >= target);
    for (const auto& [u, k] : ruled_out.labels) {
      ++n_ruled_out;
      CHECK(model.is_allowed(u, k));
      CHECK(keep[static_cast<std::size_t>(u)] != k);
      CHECK(optimal_cost_with(model, u, k) >= ruled_out.bound - kTolerance);
    }
    CHECK(ruled_out.labels.empty() == (ruled_out.bound == kInfinity));
  }
  CHECK(n_ruled_out > 200);
}

TEST_CASE("the labels of `keep` stay even where their bound reaches the target; without it they go") {
  const Instance instance = path();
  const PottsModel model = model_of(instance);
  const Labelling keep{1, 1, 0, 0};
  const RuledOut none = labels_to_rule_out(model, model.unary, {}, -1, keep);
  CHECK(none.labels == std::vector<std::pair<NodeId, LabelId>>{{0, 0}, {1, 0}, {2, 1}, {3, 1}});  // every other label
  CHECK(labels_to_rule_out(model, model.unary, {}, -1, {}).labels.size() == 8);
}

TEST_CASE("zero messages rule out what its own surcharge makes too dear") {
  const Instance instance = path();  // bound 1; label 1 at node 0 and label 0 at node 3 cost 1 more
  const PottsModel model = model_of(instance);
  const RuledOut ruled_out = labels_to_rule_out(model, model.unary, {}, 1.3, {});
  CHECK(ruled_out.labels == std::vector<std::pair<NodeId, LabelId>>{{0, 1}, {3, 0}});
  CHECK(ruled_out.bound == 2);
}

TEST_CASE("labels that are not left are not ruled out again") {
  const Instance instance = path();
  const PottsModel model = model_of(instance);
  std::vector<double> unary = model.unary;
  unary[model.index(0, 1)] = kInfinity;
  const RuledOut ruled_out = labels_to_rule_out(model, unary, {}, 1.3, {});
  CHECK(ruled_out.labels == std::vector<std::pair<NodeId, LabelId>>{{3, 0}});
}

}  // namespace liid_cut::test
