// Alpha-expansions: what they promise, against plain enumeration.
#include "bound/expansion.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "bound/first_labelling.hpp"
#include "models.hpp"

namespace liid_cut::test {
namespace {

constexpr int kTrials = 3000;

// The cost of the best set of nodes that could still take alpha, by trying every set.
double best_expansion(const PottsModel& model, const Labelling& labels, LabelId alpha) {
  double best = cost_of(model, labels);
  for (unsigned set = 0; set < 1u << labels.size(); ++set) {
    Labelling moved = labels;
    for (std::size_t u = 0; u < labels.size(); ++u)
      if (set >> u & 1u) moved[u] = alpha;
    best = std::min(best, cost_of(model, moved));
  }
  return best;
}

TEST_CASE("expansion: one component's labels follow its majority") {
  const Instance instance = path();
  Labelling labels = {0, 1, 0, 1};
  const PottsModel model = model_of(instance);
  CHECK(expand(model, labels));
  CHECK(cost_of(model, labels) == doctest::Approx(1.3));
  CHECK_FALSE(expand(model, labels));
}

TEST_CASE("expansion: never a higher cost or a label that is not allowed, and no expansion is left") {
  Random random(1);
  for (int i = 0; i < kTrials; ++i) {
    CAPTURE(i);
    const PottsModel model = random_model(static_cast<std::uint64_t>(i));
    Labelling labels = random_labelling(model, random);
    const Labelling before = labels;
    const bool improved = expand(model, labels);
    CHECK(improved == (cost_of(model, labels) < cost_of(model, before)));
    CHECK(improved == (labels != before));
    for (NodeId u = 0; u < model.n_nodes; ++u) REQUIRE(model.is_allowed(u, labels[static_cast<std::size_t>(u)]));
    for (LabelId alpha = 0; alpha < model.n_labels; ++alpha)
      CHECK(cost_of(model, labels) <= best_expansion(model, labels, alpha) + kTolerance);
  }
}

TEST_CASE("expansion: the optimum for two labels, within twice the optimum for more") {
  Random random(2);
  int n_two_labels = 0;
  for (int i = 0; i < kTrials; ++i) {
    CAPTURE(i);
    const PottsModel model = random_model(static_cast<std::uint64_t>(i));
    const double optimum = optimal_cost(model);
    n_two_labels += model.n_labels == 2;
    Labelling labels = random_labelling(model, random);
    expand(model, labels);
    const double cost = cost_of(model, labels);
    CHECK(cost >= optimum - kTolerance);
    CHECK(cost <= (model.n_labels <= 2 ? 1 : 2) * optimum + kTolerance);
  }
  CHECK(n_two_labels > kTrials / 10);
}

TEST_CASE("expansion: the same labels every time, and larger graphs than enumeration reaches") {
  const Instance instance = potts_grid(30, 5, 4);
  const PottsModel model = model_of(instance);
  Labelling labels = first_labelling(model);
  Labelling again = labels;
  const double before = cost_of(model, labels);
  CHECK(expand(model, labels));
  CHECK(expand(model, again));
  CHECK(labels == again);
  CHECK(cost_of(model, labels) < before);
}

}  // namespace
}  // namespace liid_cut::test
