// The cut of one model while it is being found.
#include "search/model_cut.hpp"

#include <doctest/doctest.h>

#include "models.hpp"
#include "search/stages.hpp"

namespace liid_cut::test {

TEST_CASE("a labelling is taken when it is cheaper, and only then") {
  const PottsModel model = model_of(path());
  ModelCut cut;
  cut.labels = {0, 0, 0, 0};
  cut.cost = 2;
  cut.offer(model, {1, 1, 1, 1});  // as cheap
  CHECK(cut.labels == Labelling{0, 0, 0, 0});
  cut.offer(model, {0, 0, 1, 1});
  CHECK(cut.labels == Labelling{0, 0, 1, 1});
  CHECK(cut.cost == doctest::Approx(1.3));
  cut.offer(model, {1, 0, 1, 0});
  CHECK(cut.cost == doctest::Approx(1.3));
}

TEST_CASE("a bound never falls and never passes the cost") {
  ModelCut cut;
  cut.cost = 2;
  cut.lower_bound = 1;
  cut.raise_bound(.5);
  CHECK(cut.lower_bound == 1);
  cut.raise_bound(1.5);
  CHECK(cut.lower_bound == 1.5);
  cut.raise_bound(2.5);
  CHECK(cut.lower_bound == 2);
  CHECK(cut.gap() == 0);
}

TEST_CASE("messages prove the bound whatever is offered in which order") {
  Random random(10);
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    CAPTURE(seed);
    const PottsModel model = random_model(seed);
    ModelCut cut = inspect(model);
    for (int i = 0; i < 5; ++i) {
      const double before = cut.lower_bound;
      const std::vector<double> offered = feasible_messages(model, random);
      cut.offer_messages(model, offered);
      CHECK(cut.lower_bound >= before);
      CHECK(cut.lower_bound >= std::min(cut.cost, dual_bound(model, model.unary, offered)) - kTolerance);
      CHECK(dual_bound(model, model.unary, cut.messages) >= cut.lower_bound - kTolerance);
    }
    if (!cut.messages.empty()) check_feasible(model, cut.messages);
  }
}

TEST_CASE("a proof of the whole model has all its nodes and edges") {
  const PottsModel model = model_of(triangle());
  const ProofPart part = whole_model_part(model, {});
  CHECK(part.nodes == std::vector<NodeId>{0, 1, 2});
  CHECK(part.edges == std::vector<EdgeId>{0, 1, 2});
  CHECK(part.proof.size() == 1);
}

TEST_CASE("renumbering reaches every step and every nested part") {
  ProofNode leaf;
  ProofNode branch;
  branch.kind = ProofNode::Kind::branch;
  branch.node = 1;
  branch.label = 2;
  branch.children = {leaf, leaf};
  ProofPart inner;
  inner.nodes = {1, 2};
  inner.edges = {1};
  inner.proof = {branch};
  ProofNode bound;
  bound.messages = {1, 2, 3};
  bound.parts = {inner};
  bound.cuts = {{{0, 1}, {2, 1, 0}, .5}};  // no cycle, but edges and nodes
  ProofNode rule_out;
  rule_out.kind = ProofNode::Kind::rule_out;
  rule_out.ruled_out = {{0, 1}, {2, 0}};
  rule_out.children = {bound};
  ProofPart part;
  part.nodes = {0, 1, 2};
  part.edges = {0, 1};
  part.proof = {rule_out};

  const std::vector<NodeId> nodes{3, 5, 8};
  const std::vector<EdgeId> edges{2, 9};
  renumber(part, nodes, edges);
  CHECK(part.nodes == nodes);
  CHECK(part.edges == edges);
  CHECK(part.proof[0].node == kNoNode);
  CHECK(part.proof[0].ruled_out == std::vector<std::pair<NodeId, LabelId>>{{3, 1}, {8, 0}});
  const ProofNode& bound_after = part.proof[0].children[0];
  CHECK(bound_after.messages == bound.messages);
  CHECK(bound_after.cuts[0].edges == std::vector<EdgeId>{2, 9});
  CHECK(bound_after.cuts[0].named == std::vector<NodeId>{8, 5, 3});
  CHECK(bound_after.cuts[0].multiplier == .5);
  CHECK(bound_after.parts[0].nodes == std::vector<NodeId>{5, 8});
  CHECK(bound_after.parts[0].edges == std::vector<EdgeId>{9});
  const ProofNode& branch_after = bound_after.parts[0].proof[0];
  CHECK(branch_after.node == 5);
  CHECK(branch_after.label == 2);
  CHECK(branch_after.children[0].node == kNoNode);
}

}  // namespace liid_cut::test
