// The whole solver against enumeration, on a few thousand tiny problems of every kind.
//
// The optimum is handed over as the debug solution, so that heavy-assert builds check every prune against it.
#include <doctest/doctest.h>

#include <numeric>
#include <vector>

#include "checks.hpp"
#include "gaps.hpp"
#include "liid_cut/solve.hpp"

namespace liid_cut::test {
namespace {

Result check_solved(const Instance& instance, const Optimum& optimum, Method method) {
  Settings settings;
  settings.method = method;
  settings.n_threads = 1;
  settings.debug_labels = optimum.labels;
  const Result result = solve(instance.problem(), settings);
  CHECK(result.status == Status::optimal);
  CHECK(result.proofs_complete);
  CHECK(result.cost == doctest::Approx(optimum.cost).epsilon(kTolerance));
  CHECK(result.cost - result.lower_bound <= kTolerance * std::max(1.0, result.cost));
  check_claims(instance, result);
  return result;
}

}  // namespace

TEST_CASE("every method proves the cost that enumeration finds") {
  for (std::uint64_t seed = 0; seed < 3000; ++seed) {
    CAPTURE(seed);
    const Instance instance = trial(seed);
    const Optimum optimum = enumerate(instance);
    for (const Method method : {Method::automatic, Method::ckr, Method::brute_force})
      check_solved(instance, optimum, method);
  }
}

TEST_CASE("nor do gaps lose an optimum or its proof, through steps of every kind") {
  ProofSteps steps;
  ProofSteps ckr_steps;
  std::vector<std::uint64_t> seeds(600);
  std::iota(seeds.begin(), seeds.end(), std::uint64_t{0});
  seeds.insert(seeds.end(), {1016, 1717});  // small instances whose LP's tree rules labels out are rare
  for (const std::uint64_t seed : seeds) {
    CAPTURE(seed);
    const Instance instance = instance_with_gap(seed);
    const Optimum optimum = enumerate(instance);
    count_steps(check_solved(instance, optimum, Method::automatic).proofs, 0, steps);
    count_steps(check_solved(instance, optimum, Method::ckr).proofs, 0, ckr_steps);
  }
  CHECK(steps.branch > 100);
  CHECK(steps.rule_out > 100);
  CHECK(steps.cuts > 100);
  CHECK(steps.deepest_part > 1);
  CHECK(ckr_steps.branch > 100);
  CHECK(ckr_steps.rule_out > 0);
  CHECK(ckr_steps.cuts > 100);
}

TEST_CASE("any optimum may be the debug solution, not just the first") {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    CAPTURE(seed);
    const Instance instance = instance_with_gap(seed);
    Settings settings;
    settings.debug_labels = solve(instance.problem()).labels;
    settings.n_threads = 1;
    for (const Method method : {Method::automatic, Method::ckr}) {
      settings.method = method;
      check_claims(instance, solve(instance.problem(), settings));
    }
  }
}

}  // namespace liid_cut::test
