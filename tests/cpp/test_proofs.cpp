// The certificate checker on forged proofs: one fault a test. It must never read what is not there.
#include <doctest/doctest.h>

#include <functional>
#include <limits>

#include "checks.hpp"
#include "gaps.hpp"
#include "liid_cut/solve.hpp"

namespace liid_cut::test {
namespace {

using Kind = ProofNode::Kind;
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

Result solved(const Instance& instance, Method method = Method::automatic) {
  Settings settings;
  settings.method = method;
  return solve(instance.problem(), settings);
}

void check_rejected(const Instance& instance, const Result& forged, const char* problem = "") {
  const CertificateCheck check = check_certificate(instance.problem(), forged);
  CHECK_FALSE(check.ok());
  CHECK_MESSAGE(joined(check.problems).find(problem) != std::string::npos, joined(check.problems));
}

// The first step of a kind at or below `step`; null: none.
ProofNode* find(ProofNode& step, Kind kind) {
  if (step.kind == kind) return &step;
  for (ProofNode& child : step.children)
    if (ProofNode* found = find(child, kind)) return found;
  for (ProofPart& part : step.parts)
    for (ProofNode& root : part.proof)
      if (ProofNode* found = find(root, kind)) return found;
  return nullptr;
}
ProofNode& first(Result& result, Kind kind) {
  REQUIRE(!result.proofs.empty());
  ProofNode* found = find(result.proofs[0].proof[0], kind);
  REQUIRE(found != nullptr);
  return *found;
}
ProofNode& leaf(Result& result) { return first(result, Kind::branch).children[0]; }

// The pentagon's proof: labels ruled out, then a bound with one part, in which a branching has two bounds.
void check_forged(const std::function<void(Result&)>& forge, const char* problem = "") {
  const Instance instance = pentagon();
  Result result = solved(instance);
  forge(result);
  check_rejected(instance, result, problem);
}

}  // namespace

TEST_CASE("the children of a branching may stand in any order of its outcomes only") {
  check_forged([](Result& r) { std::swap(first(r, Kind::branch).children[0], first(r, Kind::branch).children[1]); },
               "component 0: ");
}

TEST_CASE("parts may stand in any order") {
  const Instance instance = two_triangles();
  Result result = solved(instance);
  std::swap(result.proofs[0], result.proofs[1]);
  CHECK(check_certificate(instance.problem(), result).ok());
}

// ---- proofs that are missing or about something else

TEST_CASE("forged: no proof at all, only messages") {
  const Instance instance = two_triangles();
  Result forged = solved(instance);
  forged.proofs.erase(forged.proofs.begin());
  check_rejected(instance, forged, "component 0: lower bound is claimed to be");
}

TEST_CASE("forged: the proof of one component twice") {
  const Instance instance = two_triangles();
  Result forged = solved(instance);
  forged.proofs[1] = forged.proofs[0];
  check_rejected(instance, forged, "the parts of a proof are malformed");
}

TEST_CASE("forged: the steps of another problem") {
  const Instance instance = simplex_grid(3);
  Result forged = solved(instance);
  forged.proofs[0].proof = solved(triangle()).proofs[0].proof;
  check_rejected(instance, forged);
}

// Found by fuzzing: the refused step gave a bound that is no number, which the smaller of two bounds passed over.
TEST_CASE("forged: a refused step that rules out all labels but dear ones proves nothing") {
  const Instance instance = pentagon();
  Result forged = solved(instance);
  ProofNode step;
  step.kind = Kind::rule_out;
  step.messages.assign(instance.graph.edges().size() * instance.columns(), kNan);
  for (NodeId u = 0; u < 5; ++u)
    for (LabelId k = 0; k < 5; ++k)
      if (instance.probs[static_cast<std::size_t>(5 * u + k)] > 0) step.ruled_out.emplace_back(u, k);
  step.children.resize(1);
  step.children[0].messages.assign(step.messages.size(), 0.0);
  forged.proofs = {{{0, 1, 2, 3, 4}, {}, {step}}};
  for (EdgeId e = 0; e < instance.graph.n_edges(); ++e) forged.proofs[0].edges.push_back(e);
  const CertificateCheck check = check_certificate(instance.problem(), forged);
  CHECK_FALSE(check.ok());
  CHECK_FALSE(check.lower_bound > kPentagonOptimum + kTolerance);
}

// ---- steps

TEST_CASE("forged: a branching that is not followed") {
  check_forged([](Result& r) { first(r, Kind::branch) = ProofNode{}; }, "component 0: claimed optimal at 8 but only");
}

TEST_CASE("forged: a branching without a child, with a third, or with the same twice") {
  const auto children = [](Result& r) -> auto& { return first(r, Kind::branch).children; };
  check_forged([&](Result& r) { children(r).clear(); }, "wrong number of children");
  check_forged([&](Result& r) { children(r).pop_back(); }, "wrong number of children");
  check_forged([&](Result& r) { children(r).emplace_back(); }, "wrong number of children");
  check_forged([&](Result& r) { children(r)[1] = ProofNode(children(r)[0]); }, "component 0: ");
}

TEST_CASE("forged: a branching on a node or a label that is none") {
  for (const NodeId u : {-1, 5, 1000000, std::numeric_limits<NodeId>::min(), std::numeric_limits<NodeId>::max()})
    check_forged([&](Result& r) { first(r, Kind::branch).node = u; }, "a branching is malformed");
  for (const LabelId k : {-1, 5, 1000000, std::numeric_limits<LabelId>::min(), std::numeric_limits<LabelId>::max()})
    check_forged([&](Result& r) { first(r, Kind::branch).label = k; }, "a branching is malformed");
}

TEST_CASE("forged: a branching on another label than its bounds were made for") {
  check_forged([](Result& r) {
    ProofNode& step = first(r, Kind::branch);
    step.label = (step.label + 1) % 5;
  });
}

TEST_CASE("forged: a bound with children, a rule_out without a child or with two") {
  check_forged([](Result& r) { leaf(r).children.emplace_back(); }, "wrong number of children");
  check_forged([](Result& r) { first(r, Kind::rule_out).children.clear(); }, "wrong number of children");
  check_forged([](Result& r) { first(r, Kind::rule_out).children.emplace_back(); }, "wrong number of children");
}

TEST_CASE("forged: a kind of step that does not exist") {
  check_forged([](Result& r) { leaf(r).kind = static_cast<Kind>(7); });
}

TEST_CASE("forged: a label ruled out of a node that is none, or that is none") {
  for (const NodeId u : {-1, 5, std::numeric_limits<NodeId>::max()})
    check_forged([&](Result& r) { first(r, Kind::rule_out).ruled_out[0].first = u; }, "a ruled-out label is malformed");
  for (const LabelId k : {-1, 5, std::numeric_limits<LabelId>::max()})
    check_forged([&](Result& r) { first(r, Kind::rule_out).ruled_out[0].second = k; },
                 "a ruled-out label is malformed");
}

TEST_CASE("forged: labels ruled out whose bound is below the cost, up to all of them") {
  check_forged(
      [](Result& r) {
        auto& ruled_out = first(r, Kind::rule_out).ruled_out;
        ruled_out.clear();
        for (NodeId u = 0; u < 5; ++u)
          for (LabelId k = 0; k < 5; ++k) ruled_out.emplace_back(u, k);
      },
      "component 0: claimed optimal at 8 but only");
}

// ---- messages

TEST_CASE("forged: messages beyond the weight of their edge") {
  check_forged([](Result& r) { leaf(r).messages[7] += 10; }, "messages of edge 1 spread by");
  check_forged([](Result& r) { first(r, Kind::rule_out).messages[0] += 10; }, "messages of edge 0 spread by");
}

TEST_CASE("forged: messages that are no numbers, or infinite") {
  for (const double value : {kNan, std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity()})
    for (const std::size_t i : {0, 1, 2, 3, 4, 5, 23, 49}) {
      check_forged([&](Result& r) { leaf(r).messages[i] = value; }, "messages of edge");
      check_forged([&](Result& r) { first(r, Kind::rule_out).messages[i] = value; }, "messages of edge");
      check_forged([&](Result& r) { first(r, Kind::bound).messages[i] = value; }, "messages of edge");
    }
}

TEST_CASE("forged: messages that prove less") {
  check_forged([](Result& r) { std::fill(leaf(r).messages.begin(), leaf(r).messages.end(), 0.0); },
               "component 0: claimed optimal");
}

TEST_CASE("forged: too few messages, or too many") {
  for (const std::size_t size : {1, 49, 51, 1000}) {
    check_forged([&](Result& r) { leaf(r).messages.resize(size); }, "messages of the wrong length");
    check_forged([&](Result& r) { first(r, Kind::rule_out).messages.resize(size); }, "messages of the wrong length");
  }
}

}  // namespace liid_cut::test
