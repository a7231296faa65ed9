// Branch and bound with the bounds of dual ascent: optimum, proof, and giving up.
#include "search/dual_search.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "gaps.hpp"
#include "liid_cut/solve.hpp"
#include "liid_cut/verify.hpp"
#include "models.hpp"
#include "search/stages.hpp"

namespace liid_cut::test {
namespace {

constexpr double kGap = 5e-10;

struct Searched {
  ModelCut cut;
  bool closed;
};

Searched search(const PottsModel& model, std::int64_t most_nodes, const Settings& settings = {},
                const StopSignal& stop = StopSignal(kInfinity)) {
  const SearchContext context(settings, stop);
  ModelCut cut = inspect(model);
  const bool closed = search_by_dual_ascent(model, kGap, most_nodes, context, {}, cut);
  return {std::move(cut), closed};
}

// The checker takes whole results: one of the solver's, with the search's claims and nothing else that could prove
// them. Whether the problem has one component, as a proof of all of it must.
bool check_certificate_of(const Instance& instance, const ModelCut& cut) {
  Result result = solve(instance.problem());
  if (result.components.size() != 1) return false;
  result.labels = cut.labels;
  result.cost = result.components[0].cost = cut.cost;
  result.lower_bound = result.components[0].lower_bound = cut.lower_bound;
  result.components[0].stage = cut.stage;
  std::fill(result.messages.begin(), result.messages.end(), 0.0);
  result.proofs = cut.proofs;
  const CertificateCheck check = check_certificate(instance.problem(), result, kTolerance);
  CHECK_MESSAGE(check.ok(), joined(check.problems));
  return true;
}

}  // namespace

TEST_CASE("the search finds the optimum, and its tree proves it") {
  ProofSteps steps;
  int n_checked = 0;
  for (std::uint64_t seed = 0; seed < 600; ++seed) {
    CAPTURE(seed);
    const Instance instance = seed % 2 == 0 ? instance_with_gap(seed / 2) : trial(seed);
    const PottsModel model = model_of(instance);
    double labellings = 1;
    for (NodeId u = 0; u < model.n_nodes; ++u) labellings *= model.n_labels;
    if (labellings > 1e5) continue;
    const auto [cut, closed] = search(model, 100'000);
    REQUIRE(closed);
    CHECK(cut.cost == doctest::Approx(optimal_cost(model)).epsilon(kTolerance));
    CHECK(cut.gap() <= kGap);
    CHECK(cut.cost == cost_of(model, cut.labels));
    n_checked += check_certificate_of(instance, cut);
    count_steps(cut.proofs, 0, steps);
  }
  CHECK(n_checked > 100);
  CHECK(steps.branch > 100);
  CHECK(steps.rule_out > 50);
}

TEST_CASE("a search that may not go on says so, and claims no bound") {
  const PottsModel model = model_of(triangle());
  const ModelCut before = inspect(model);
  const auto check_gave_up = [&](const Searched& searched) {
    CHECK_FALSE(searched.closed);
    CHECK(searched.cut.proofs.empty());
    CHECK(searched.cut.lower_bound == before.lower_bound);
    CHECK(searched.cut.cost <= before.cost);
  };
  check_gave_up(search(model, 1));
  check_gave_up(search(model, 100, {.max_proof_bytes = 1}));
  StopSignal stop(kInfinity);
  stop.interrupt();
  check_gave_up(search(model, 100, {}, stop));
  CHECK(search(model, 100).closed);
}

}  // namespace liid_cut::test
