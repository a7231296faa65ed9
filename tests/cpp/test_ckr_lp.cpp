// The CKR linear program: its shape, and that labellings are points of it at their cost.
#include "lp/ckr_lp.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <stdexcept>

#include "models.hpp"

namespace liid_cut::test {
namespace {

// The LP's columns for a labelling: x is its indicator, and each z as small as its row lets it be.
std::vector<double> point_of(const LinearProgram& lp, const PottsModel& model, const Labelling& labels) {
  std::vector<double> point(lp.column_cost.size(), 0.0);
  for (NodeId u = 0; u < model.n_nodes; ++u) {
    const std::int32_t x = lp.label_column[model.index(u, labels[static_cast<std::size_t>(u)])];
    REQUIRE(x >= 0);
    point[static_cast<std::size_t>(x)] = 1;
  }
  for (const std::int32_t row : lp.message_row) {
    if (row < 0) continue;
    const auto first = static_cast<std::size_t>(lp.row_start[static_cast<std::size_t>(row)]);
    const auto column = [&](std::size_t i) { return static_cast<std::size_t>(lp.column_index[first + i]); };
    point[column(0)] = std::max(0.0, point[column(1)] - point[column(2)]);
  }
  return point;
}

double value(const LinearProgram& lp, const std::vector<double>& point) {
  double total = 0;
  for (std::size_t j = 0; j < point.size(); ++j) total += lp.column_cost[j] * point[j];
  return total;
}

bool is_feasible(const LinearProgram& lp, const std::vector<double>& point) {
  for (std::size_t j = 0; j < point.size(); ++j)
    if (point[j] < lp.column_lower[j] || point[j] > lp.column_upper[j]) return false;
  for (std::size_t i = 0; i < lp.row_lower.size(); ++i) {
    double activity = 0;
    for (auto a = static_cast<std::size_t>(lp.row_start[i]); a < static_cast<std::size_t>(lp.row_start[i + 1]); ++a)
      activity += lp.value[a] * point[static_cast<std::size_t>(lp.column_index[a])];
    if (activity < lp.row_lower[i] || activity > lp.row_upper[i]) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("the triangle's LP has a column per node and label and one per edge and label") {
  const Instance instance = triangle();
  const LinearProgram lp = ckr_relaxation(instance.problem());
  CHECK(lp.column_cost.size() == 9 + 9);
  CHECK(lp.row_lower.size() == 3 + 9);
  CHECK(lp.value.size() == 9 + 3 * 9);
  CHECK(lp.row_start.front() == 0);
  CHECK(static_cast<std::size_t>(lp.row_start.back()) == lp.value.size());
}

TEST_CASE("labels that are not allowed have no column, and no row on their edges") {
  Instance instance = path();
  allow_only(instance, {1, 0, 1, 1, 1, 1, 0, 1});
  const LinearProgram lp = ckr_relaxation(instance.problem());
  CHECK(lp.label_column == std::vector<std::int32_t>{0, -1, 1, 2, 3, 4, -1, 5});
  // (0,1): label 0 at both; (1,2): both labels; (2,3): label 1 at both.
  CHECK(lp.message_row == std::vector<std::int32_t>{4, -1, 5, 6, -1, 7});
  CHECK(lp.column_cost[3] == .5 + .3);  // node 2 with label 0 always cuts (2, 3)
}

TEST_CASE("every labelling is a point of the LP, and costs the same there") {
  Random random(2);
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    const Instance instance = trial(seed);
    const PottsModel model = model_of(instance);
    const LinearProgram lp = ckr_lp(model);
    const Labelling labels = random_labelling(model, random);
    const auto point = point_of(lp, model, labels);
    CHECK(is_feasible(lp, point));
    CHECK(value(lp, point) == doctest::Approx(removed_weight(instance, labels)).epsilon(kTolerance));
  }
}

TEST_CASE("an LP beyond the index range is refused before it is built") {
  PottsModel model;
  model.n_nodes = 2;
  model.n_labels = std::numeric_limits<LabelId>::max();
  CHECK_THROWS_WITH_AS(ckr_lp(model),
                       "the CKR LP of 2 nodes, 0 edges and 2147483647 labels has more than 2^31 - 1 entries",
                       std::length_error);
}

TEST_CASE("the LP of a bad problem is refused") {
  Instance instance = path();
  instance.probs[0] = -1;
  CHECK_THROWS_WITH_AS(ckr_relaxation(instance.problem()),
                       "probs[0, 0] is -1; every entry must be a finite number >= 0", std::invalid_argument);
}

}  // namespace liid_cut::test
