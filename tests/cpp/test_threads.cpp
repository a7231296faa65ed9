// The same bits for every number of threads, proofs and all.
#include <doctest/doctest.h>

#include "checks.hpp"
#include "gaps.hpp"
#include "liid_cut/solve.hpp"

namespace liid_cut::test {
namespace {

Result solved(const Instance& instance, Method method, int n_threads) {
  Settings settings;
  settings.method = method;
  settings.n_threads = n_threads;
  return solve(instance.problem(), settings);
}

bool same_bits(const std::vector<ProofPart>& a, const std::vector<ProofPart>& b);
bool same_bits(const ProofNode& a, const ProofNode& b) {
  return a.kind == b.kind && a.messages == b.messages && a.node == b.node && a.label == b.label &&
         a.ruled_out == b.ruled_out && same_bits(a.parts, b.parts) &&
         std::equal(a.children.begin(), a.children.end(), b.children.begin(), b.children.end(),
                    [](const ProofNode& x, const ProofNode& y) { return same_bits(x, y); });
}
bool same_bits(const std::vector<ProofPart>& a, const std::vector<ProofPart>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const ProofPart& x, const ProofPart& y) {
    return x.nodes == y.nodes && x.edges == y.edges && x.proof.size() == y.proof.size() &&
           std::equal(x.proof.begin(), x.proof.end(), y.proof.begin(),
                      [](const ProofNode& s, const ProofNode& t) { return same_bits(s, t); });
  });
}

void check_same_bits(const Result& a, const Result& b) {
  CHECK(a.labels == b.labels);
  CHECK(a.cost == b.cost);
  CHECK(a.lower_bound == b.lower_bound);
  CHECK(a.status == b.status);
  CHECK(a.component_of == b.component_of);
  CHECK(a.messages == b.messages);
  REQUIRE(a.components.size() == b.components.size());
  for (std::size_t t = 0; t < a.components.size(); ++t) {
    CHECK(a.components[t].cost == b.components[t].cost);
    CHECK(a.components[t].lower_bound == b.components[t].lower_bound);
    CHECK(a.components[t].status == b.components[t].status);
    CHECK(a.components[t].stage == b.components[t].stage);
    CHECK(a.components[t].search_nodes == b.components[t].search_nodes);
  }
  CHECK(a.proofs_complete == b.proofs_complete);
  CHECK(same_bits(a.proofs, b.proofs));
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
    for (const int n_threads : {2, 4}) check_same_bits(solved(instance, method, n_threads), expected);
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
      for (const int n_threads : {1, 2, 4}) check_same_bits(solved(instance, method, n_threads), expected);
    }
  }
  CHECK(steps.branch > 10);
  CHECK(steps.rule_out > 10);
  CHECK(steps.cuts > 10);
  CHECK(steps.deepest_part > 1);
}

}  // namespace liid_cut::test
