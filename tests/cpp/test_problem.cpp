// Checks of a problem, the costs of labels, and the cost of a labelling.
#include <doctest/doctest.h>

#include <limits>
#include <stdexcept>

#include "checks.hpp"
#include "random_instances.hpp"

namespace liid_cut::test {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

void check_probs(const std::vector<double>& probs, std::size_t n_columns, bool allow_zero_rows = true) {
  validate_terminal_weights(MatrixView(probs, probs.size() / n_columns, n_columns), allow_zero_rows);
}

}  // namespace

TEST_CASE("the cost of a labelling is the weight of the edges that it removes") {
  const Instance instance = path();
  const std::vector<LabelId> labels{0, 0, 1, 1};
  CHECK(cut_cost(instance.problem(), labels) == doctest::Approx(1.3));
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const Instance random = trial(seed);
    const Optimum optimum = enumerate(random);
    CHECK(cut_cost(random.problem(), optimum.labels) == doctest::Approx(optimum.cost).epsilon(kTolerance));
  }
}

TEST_CASE("a label costs the terminal weights of the others, or infinity where it is not allowed") {
  Instance instance = make_instance(3, {.5, .25, 1}, {}, {});
  std::vector<double> costs(3);
  label_costs(instance.problem(), 0, costs);
  CHECK(costs == std::vector<double>{1.25, 1.5, .75});
  allow_only(instance, {1, 0, 1});
  label_costs(instance.problem(), 0, costs);
  CHECK(costs == std::vector<double>{1.25, kInfinity, .75});
}

TEST_CASE("beside a weight of 1e300 its label costs what the others add up to") {
  Instance instance = make_instance(3, {.5, 1e300, .25}, {}, {});
  std::vector<double> costs(3);
  label_costs(instance.problem(), 0, costs);
  CHECK(costs == std::vector<double>{1e300, .75, 1e300});
  allow_only(instance, {1, 0, 1});
  label_costs(instance.problem(), 0, costs);
  CHECK(costs == std::vector<double>{1e300, kInfinity, 1e300});
}

TEST_CASE("terminal weights: a negative entry") {
  CHECK_THROWS_WITH_AS(check_probs({1, 0, .5, -.5}, 2), "probs[1, 1] is -0.5; every entry must be a finite number >= 0",
                       std::invalid_argument);
}

TEST_CASE("terminal weights: an entry that is no number") {
  CHECK_THROWS_WITH_AS(check_probs({kNan, 0}, 2), "probs[0, 0] is nan; every entry must be a finite number >= 0",
                       std::invalid_argument);
}

TEST_CASE("terminal weights: an infinite entry") {
  CHECK_THROWS_WITH_AS(check_probs({0, kInfinity}, 2), "probs[0, 1] is inf; every entry must be a finite number >= 0",
                       std::invalid_argument);
}

TEST_CASE("terminal weights: a row whose sum overflows") {
  CHECK_THROWS_WITH_AS(check_probs({1, 1, 1e308, 1e308}, 2),
                       "probs[1] brings the sum of probs beyond what a double can hold", std::invalid_argument);
}

TEST_CASE("terminal weights: a row of zeros, where none may be") {
  CHECK_NOTHROW(check_probs({1, 0, 0, 0}, 2, true));
  CHECK_THROWS_WITH_AS(check_probs({1, 0, 0, 0}, 2, false), "probs[1] is all zero; every row needs a positive entry",
                       std::invalid_argument);
}

TEST_CASE("terminal weights: no columns") {
  CHECK_THROWS_WITH_AS(validate_terminal_weights(MatrixView(nullptr, ScalarType::float64, 3, 0, 0, 0), true),
                       "probs has 0 columns; 1 to 2147483647 labels are allowed", std::invalid_argument);
}

TEST_CASE("terminal weights: more columns than label ids") {
  CHECK_THROWS_WITH_AS(
      validate_terminal_weights(MatrixView(nullptr, ScalarType::float64, 0, std::size_t{1} << 31, 0, 0), true),
      "probs has 2147483648 columns; 1 to 2147483647 labels are allowed", std::invalid_argument);
}

TEST_CASE("terminal weights: more rows than node ids") {
  CHECK_THROWS_WITH_AS(
      validate_terminal_weights(MatrixView(nullptr, ScalarType::float64, std::size_t{1} << 31, 2, 0, 0), true),
      "probs has 2147483648 rows; at most 2147483647 are allowed", std::invalid_argument);
}

TEST_CASE("a graph of another size than the terminal weights") {
  Instance instance = path();
  instance.graph = Graph::from_edges(5, {}, {});
  const Problem problem{instance.graph, MatrixView(instance.probs, 4, 2)};
  CHECK_THROWS_WITH_AS(validate(problem), "graph has 5 nodes but probs has 4 rows; both must agree",
                       std::invalid_argument);
}

TEST_CASE("a bad terminal weight is found in a problem, too") {
  Instance instance = path();
  instance.probs[2] = -1;
  CHECK_THROWS_WITH_AS(validate(instance.problem()), "probs[1, 0] is -1; every entry must be a finite number >= 0",
                       std::invalid_argument);
}

TEST_CASE("weights whose total overflows") {
  Instance instance = make_instance(2, {0, 1e308, .5e308, 0}, {{0, 1}}, {1e308});
  CHECK_THROWS_AS(validate(instance.problem()), std::invalid_argument);
  const Instance edges = make_instance(1, {1, 1, 1}, {{0, 1}, {1, 2}}, {1e308, 1e308});
  CHECK_THROWS_WITH_AS(validate(edges.problem()), "graph: its weights add up to more than a double can hold",
                       std::invalid_argument);
}

TEST_CASE("allowed of another size than the terminal weights") {
  const Instance instance = path();
  const bool allowed[4] = {true, true, true, true};
  CHECK_THROWS_WITH_AS(validate(Problem{instance.graph, instance.matrix(), allowed}),
                       "allowed has 4 entries; probs has 8", std::invalid_argument);
}

TEST_CASE("a node that may take no label") {
  Instance instance = path();
  allow_only(instance, {1, 1, 1, 0, 0, 0, 1, 1});
  CHECK_THROWS_WITH_AS(validate(instance.problem()), "allowed[2] allows no label; every row needs at least one True",
                       std::invalid_argument);
}

TEST_CASE("cut_cost rejects a labelling of another length") {
  const Instance instance = path();
  const std::vector<LabelId> labels{0, 0, 0};
  CHECK_THROWS_WITH_AS(cut_cost(instance.problem(), labels), "labels has 3 entries; the problem has 4 nodes",
                       std::invalid_argument);
}

TEST_CASE("cut_cost rejects a label that is too large") {
  const Instance instance = path();
  const std::vector<LabelId> labels{0, 0, 2, 0};
  CHECK_THROWS_WITH_AS(cut_cost(instance.problem(), labels), "labels[2] is 2; labels are 0 to 1",
                       std::invalid_argument);
}

TEST_CASE("cut_cost rejects a negative label") {
  const Instance instance = path();
  const std::vector<LabelId> labels{-1, 0, 0, 0};
  CHECK_THROWS_WITH_AS(cut_cost(instance.problem(), labels), "labels[0] is -1; labels are 0 to 1",
                       std::invalid_argument);
}

TEST_CASE("cut_cost rejects a label that is not allowed") {
  Instance instance = path();
  allow_only(instance, {1, 1, 1, 1, 1, 1, 0, 1});
  const std::vector<LabelId> labels{0, 0, 0, 0};
  CHECK_THROWS_WITH_AS(cut_cost(instance.problem(), labels), "labels[3] is 0, which allowed[3] rules out",
                       std::invalid_argument);
}

}  // namespace liid_cut::test
