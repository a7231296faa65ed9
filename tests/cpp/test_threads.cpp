// The same bits for every number of threads, proofs and all.
#include <doctest/doctest.h>

#include "checks.hpp"
#include "gaps.hpp"
#include "liid_cut/solve.hpp"
#include "same_bits.hpp"

namespace liid_cut::test {
namespace {

Result solved(const Instance& instance, Method method, int n_threads) {
  Settings settings;
  settings.method = method;
  settings.n_threads = n_threads;
  return solve(instance.problem(), settings);
}

// Instances side by side, whatever labels they allow.
Instance all_of(const std::vector<Instance>& parts) {
  std::vector<int> allowed;
  for (const Instance& part : parts)
    for (std::size_t i = 0; i < part.probs.size(); ++i) allowed.push_back(!part.allowed || part.allowed[i] ? 1 : 0);
  Instance instance = side_by_side(parts);
  allow_only(instance, allowed);
  return instance;
}

}  // namespace

TEST_CASE("1, 2 and 4 threads give the same bits") {
  Random random(21);
  std::vector<Instance> parts;
  for (int i = 0; i < 12; ++i) parts.push_back(triangle_chain(1 + i % 3, .25 * integer(random, 1, 3), random));
  parts.push_back(potts_grid(6, 3, 5));
  const Instance instance = side_by_side(parts);
  for (const Method method : {Method::automatic, Method::ckr}) {
    const Result expected = solved(instance, method, 1);
    check_claims(instance, expected);
    CHECK(expected.proofs.size() > 5);
    for (const int n_threads : {2, 4}) CHECK(same_bits(solved(instance, method, n_threads), expected));
  }
}

TEST_CASE("so they do where proofs branch, rule out, nest and use cycles, in every run") {
  ProofSteps steps;
  for (const LabelId n_labels : {3, 5}) {
    std::vector<Instance> parts;
    for (std::uint64_t seed = 0; seed < 120; ++seed)
      if (Instance part = instance_with_gap(seed); part.n_labels == n_labels) parts.push_back(std::move(part));
    if (n_labels == 5) parts.push_back(pentagon());
    const Instance instance = all_of(parts);
    for (const Method method : {Method::automatic, Method::ckr}) {
      const Result expected = solved(instance, method, 1);
      check_claims(instance, expected);
      count_steps(expected.proofs, 0, steps);
      for (const int n_threads : {1, 2, 4}) CHECK(same_bits(solved(instance, method, n_threads), expected));
    }
  }
  CHECK(steps.branch > 10);
  CHECK(steps.rule_out > 10);
  CHECK(steps.cuts > 10);
  CHECK(steps.deepest_part > 1);
}

}  // namespace liid_cut::test
