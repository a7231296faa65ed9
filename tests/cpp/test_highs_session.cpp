// LP solutions: known values, dual messages that prove them, and one session for many LPs.
#include "lp/highs_session.hpp"

#include <doctest/doctest.h>

#include <limits>

#include "bound/dual_bound.hpp"
#include "checks.hpp"
#include "lp/ckr_lp.hpp"
#include "random_instances.hpp"

namespace liid_cut::test {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

LpSolution solve_lp(HighsSession& session, const PottsModel& model) {
  const LinearProgram lp = ckr_lp(model);
  session.load(model, lp);
  return session.solve(model.unary);
}

// The CKR objective of x, from its definition.
double relaxed_cost(const PottsModel& model, const std::vector<double>& x) {
  double cost = 0;
  for (std::size_t i = 0; i < x.size(); ++i)
    if (std::isfinite(model.unary[i])) cost += model.unary[i] * x[i];
  for (std::size_t e = 0; e < model.n_edges(); ++e)
    for (LabelId k = 0; k < model.n_labels; ++k)
      cost +=
          model.weights[e] / 2 * std::abs(x[model.index(model.edges[e].u, k)] - x[model.index(model.edges[e].v, k)]);
  return cost;
}

void check_optimal(const PottsModel& model, const LpSolution& solution) {
  REQUIRE(solution.status == LpStatus::optimal);
  for (NodeId u = 0; u < model.n_nodes; ++u) {
    double sum = 0;
    for (LabelId k = 0; k < model.n_labels; ++k) sum += solution.x[model.index(u, k)];
    CHECK(sum == doctest::Approx(1).epsilon(kTolerance));
  }
  for (std::size_t i = 0; i < solution.messages.size(); ++i) {
    CHECK(solution.messages[i] >= 0);
    CHECK(solution.messages[i] <= model.weights[i / model.columns()]);
  }
  CHECK(dual_bound(model, model.unary, solution.messages) ==
        doctest::Approx(relaxed_cost(model, solution.x)).epsilon(kTolerance));
}

}  // namespace

TEST_CASE("the triangle's LP is worth 3.75") {
  const Instance instance = triangle();
  const PottsModel model = whole_model(instance.problem());
  const StopSignal stop(kInfinity);
  HighsSession session(stop);
  const LpSolution solution = solve_lp(session, model);
  check_optimal(model, solution);
  CHECK(relaxed_cost(model, solution.x) == doctest::Approx(kTriangleLp).epsilon(kTolerance));
}

TEST_CASE("the simplex grid's LP is worth 3 (N + 1) / 2") {
  const StopSignal stop(kInfinity);
  HighsSession session(stop);
  for (const int side : {1, 2, 3, 6}) {
    const Instance instance = simplex_grid(side);
    const PottsModel model = whole_model(instance.problem());
    const LpSolution solution = solve_lp(session, model);
    check_optimal(model, solution);
    CHECK(relaxed_cost(model, solution.x) == doctest::Approx(1.5 * (side + 1)).epsilon(kTolerance));
  }
}

TEST_CASE("one session solves many LPs, each with a proof, none above the optimum") {
  const StopSignal stop(kInfinity);
  HighsSession session(stop);
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    const Instance instance = trial(seed);
    const PottsModel model = whole_model(instance.problem());
    const LpSolution solution = solve_lp(session, model);
    check_optimal(model, solution);
    CHECK(dual_bound(model, model.unary, solution.messages) <= enumerate(instance).cost + kTolerance);
  }
}

TEST_CASE("an LP with presolve has a proof, too") {
  const Instance instance = potts_grid(8, 6, 1);  // 64 * 6 + 112 * 6 columns
  const PottsModel model = whole_model(instance.problem());
  const StopSignal stop(kInfinity);
  HighsSession session(stop);
  check_optimal(model, solve_lp(session, model));
}

TEST_CASE("labels that are ruled out get no share, and come back with the next solve") {
  const Instance instance = triangle();
  const PottsModel model = whole_model(instance.problem());
  const LinearProgram lp = ckr_lp(model);
  const StopSignal stop(kInfinity);
  HighsSession session(stop);
  session.load(model, lp);
  std::vector<double> restricted = model.unary;
  for (const LabelId k : {1, 2}) restricted[model.index(0, k)] = kInfinity;  // node 0 takes label 0
  const LpSolution solution = session.solve(restricted);
  REQUIRE(solution.status == LpStatus::optimal);
  CHECK(solution.x[model.index(0, 0)] == doctest::Approx(1));
  CHECK(dual_bound(model, restricted, solution.messages) == doctest::Approx(kTriangleOptimum).epsilon(kTolerance));
  const LpSolution again = session.solve(model.unary);
  CHECK(dual_bound(model, model.unary, again.messages) == doctest::Approx(kTriangleLp).epsilon(kTolerance));
}

TEST_CASE("a stop request ends the LP") {
  const Instance instance = potts_grid(12, 5, 1);
  const PottsModel model = whole_model(instance.problem());
  StopSignal stop(kInfinity);
  HighsSession session(stop);
  stop.interrupt();
  const LpSolution solution = solve_lp(session, model);
  CHECK(solution.status != LpStatus::optimal);
  CHECK(solution.x.empty());
}

}  // namespace liid_cut::test
