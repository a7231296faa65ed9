// Rounding, and the search tree with its proof.
#include "search/branch_and_bound.hpp"

#include <doctest/doctest.h>

#include "gaps.hpp"
#include "models.hpp"
#include "search/stages.hpp"

namespace liid_cut::test {
namespace {

ModelCut search(const PottsModel& model, const StopSignal& stop, const Settings& settings = {}) {
  SearchContext context(settings, stop);
  ModelCut cut = inspect(model);
  solve_relaxation_and_search(model, 5e-10, context, {}, cut);
  return cut;
}

ModelCut search(const Instance& instance, const Settings& settings = {}) {
  return search(model_of(instance), StopSignal(kInfinity), settings);
}

// Every step has the children of its kind, and messages of the right size or none; no parts.
void check_steps(const PottsModel& model, const ProofNode& step) {
  CHECK((step.messages.empty() || step.messages.size() == model.n_edges() * model.columns()));
  CHECK(step.parts.empty());
  CHECK(step.ruled_out.empty() == (step.kind != ProofNode::Kind::rule_out));
  if (step.kind == ProofNode::Kind::branch) {
    CHECK(step.node >= 0);
    CHECK(step.node < model.n_nodes);
    CHECK(model.is_allowed(step.node, step.label));
  }
  const std::size_t n_children = step.kind == ProofNode::Kind::bound ? 0 : step.kind == ProofNode::Kind::branch ? 2 : 1;
  CHECK(step.children.size() == n_children);
  for (const ProofNode& child : step.children) check_steps(model, child);
}

void check_proof(const PottsModel& model, const ModelCut& cut) {
  REQUIRE(cut.proofs.size() == 1);
  CHECK(cut.proofs[0].nodes.size() == static_cast<std::size_t>(model.n_nodes));
  CHECK(cut.proofs[0].edges.size() == model.n_edges());
  REQUIRE(cut.proofs[0].proof.size() == 1);
  check_steps(model, cut.proofs[0].proof[0]);
}

std::size_t message_bytes(const ProofNode& step) {
  std::size_t bytes = step.messages.size() * sizeof(double);
  for (const ProofNode& child : step.children) bytes += message_bytes(child);
  return bytes;
}

}  // namespace

TEST_CASE("round takes each node's largest share, the lower label among equal ones") {
  const Instance instance = make_instance(3, {1, 1, 1, 1, 1, 1}, {}, {});
  const PottsModel model = model_of(instance);
  CHECK(round(model, std::vector<double>{.2, .5, .3, .4, .2, .4}) == Labelling{1, 0});
}

TEST_CASE("round never takes a label that is not allowed, even if no share is left for the others") {
  Instance instance = make_instance(3, {1, 1, 1}, {}, {});
  allow_only(instance, {0, 1, 1});
  CHECK(round(model_of(instance), std::vector<double>{1, 0, 0}) == Labelling{1});
}

TEST_CASE("round improves what it took") {
  const Instance instance = star();
  const std::vector<double> x{1, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 1};  // leaf 1 with the label of leaf 2
  CHECK(round(model_of(instance), x) == Labelling{1, 0, 1, 2});
}

TEST_CASE("the triangle's gap is closed by the inequality of its cycle") {
  const ModelCut cut = search(triangle());
  CHECK(cut.cost == kTriangleOptimum);
  CHECK(cut.lower_bound == doctest::Approx(kTriangleOptimum).epsilon(kTolerance));
  CHECK(cut.stage == Stage::linear_program);
  CHECK(cut.proofs_complete);
  CHECK(cut.search_nodes == 2);
  check_proof(model_of(triangle()), cut);
  CHECK(cut.proofs[0].proof[0].kind == ProofNode::Kind::bound);
  REQUIRE(cut.proofs[0].proof[0].cuts.size() == 1);
  CHECK(cut.proofs[0].proof[0].cuts[0].edges == std::vector<EdgeId>{0, 1, 2});
}

TEST_CASE("the pentagon's gap is closed by a small tree") {
  const ModelCut cut = search(pentagon());
  CHECK(cut.cost == kPentagonOptimum);
  CHECK(cut.lower_bound == doctest::Approx(kPentagonOptimum).epsilon(kTolerance));
  CHECK(cut.stage == Stage::branch_and_bound);
  CHECK(cut.proofs_complete);
  CHECK(cut.search_nodes <= 5);
  check_proof(model_of(pentagon()), cut);
}

TEST_CASE("trees of problems with a gap close, and are trees") {
  int n_trees = 0;
  for (std::uint64_t seed = 0; seed < 120; ++seed) {
    CAPTURE(seed);
    const Instance instance = instance_with_gap(seed);
    const ModelCut cut = search(instance);
    CHECK(cut.cost == doctest::Approx(enumerate(instance).cost).epsilon(kTolerance));
    CHECK(cut.lower_bound == doctest::Approx(cut.cost).epsilon(kTolerance));
    if (cut.proofs.empty()) continue;
    ++n_trees;
    check_proof(model_of(instance), cut);
  }
  CHECK(n_trees > 40);
}

TEST_CASE("without a branching the messages alone are the proof") {
  const ModelCut cut = search(path());
  CHECK(cut.stage == Stage::linear_program);
  CHECK(cut.search_nodes == 1);
  CHECK(cut.proofs.empty());
  const PottsModel model = model_of(path());
  CHECK(dual_bound(model, model.unary, cut.messages) == doctest::Approx(1.3).epsilon(kTolerance));
}

TEST_CASE("a search that may not start keeps the bound that it had") {
  const PottsModel model = model_of(triangle());
  const ModelCut cut = search(model, StopSignal(0));
  CHECK(cut.labels.size() == 3);
  CHECK(cut.lower_bound == kTriangleZeroBound);
  CHECK(cut.stage == Stage::linear_program);
}

TEST_CASE("a proof that may not keep messages says so; the bound stays") {
  Settings settings;
  settings.max_proof_bytes = 0;
  const ModelCut cut = search(pentagon(), settings);
  CHECK(cut.lower_bound == doctest::Approx(kPentagonOptimum).epsilon(kTolerance));
  CHECK_FALSE(cut.proofs_complete);
  for (const ProofPart& proof : cut.proofs) CHECK(message_bytes(proof.proof[0]) == 0);
}

TEST_CASE("a proof that may keep some messages keeps no more, and says so if it dropped any") {
  Random random(12);
  int n_incomplete = 0;
  for (int i = 0; i < 100; ++i) {
    CAPTURE(i);
    const Instance instance = pentagon_chain(2, .125, random);
    Settings settings;
    settings.max_proof_bytes = static_cast<std::size_t>(integer(random, 1, 20) * instance.graph.n_edges()) *
                               instance.columns() * sizeof(double);
    const ModelCut cut = search(instance, settings);
    CHECK(cut.lower_bound == doctest::Approx(enumerate(instance).cost).epsilon(kTolerance));
    check_proof(model_of(instance), cut);
    CHECK(message_bytes(cut.proofs[0].proof[0]) <= settings.max_proof_bytes);
    n_incomplete += !cut.proofs_complete;
  }
  CHECK(n_incomplete > 10);
  CHECK(n_incomplete < 90);
}

TEST_CASE("a decided problem is closed by its only labelling, without an LP") {
  Instance instance = path();
  allow_only(instance, {1, 0, 1, 0, 0, 1, 0, 1});
  const ModelCut cut = search(instance);
  CHECK(cut.lower_bound == doctest::Approx(1.3).epsilon(kTolerance));
  CHECK(cut.search_nodes == 0);
  CHECK(search(model_of(instance), StopSignal(0)).lower_bound == doctest::Approx(1.3).epsilon(kTolerance));
}

}  // namespace liid_cut::test
