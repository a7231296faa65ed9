// The certificate checker on proofs with forged cuts: one fault a test. It must never read what is not there.
#include <doctest/doctest.h>

#include <functional>
#include <limits>

#include "checks.hpp"
#include "liid_cut/solve.hpp"

namespace liid_cut::test {
namespace {

// The triangle by its linear program: a bound with one cut.
Result solved(const Instance& instance) {
  Settings settings;
  settings.method = Method::ckr;
  return solve(instance.problem(), settings);
}
ProofNode& step_of(Result& result) { return result.proofs.at(0).proof.at(0); }

void check_forged(const std::function<void(ProofNode&)>& forge, const char* problem) {
  const Instance instance = triangle();
  Result forged = solved(instance);
  REQUIRE(step_of(forged).cuts.size() == 1);
  forge(step_of(forged));
  const CertificateCheck check = check_certificate(instance.problem(), forged);
  CHECK_FALSE(check.ok());
  CHECK_MESSAGE(joined(check.problems).find(problem) != std::string::npos, joined(check.problems));
}

constexpr const char* kMalformed = "a cut of a proof is malformed";

}  // namespace

TEST_CASE("the edges of a cut may stand in any order") {
  const Instance instance = triangle();
  Result result = solved(instance);
  std::swap(step_of(result).cuts[0].edges[0], step_of(result).cuts[0].edges[2]);
  CHECK(check_certificate(instance.problem(), result).ok());
}

TEST_CASE("forged: no cut, or twice the same") {
  check_forged([](ProofNode& step) { step.cuts.clear(); }, "component 0: ");
  check_forged([](ProofNode& step) { step.cuts.push_back(ProofCut(step.cuts[0])); }, "messages of edge");
}

TEST_CASE("forged: a multiplier that is larger, negative, infinite or no number") {
  check_forged([](ProofNode& step) { step.cuts[0].multiplier += .01; }, "messages of edge");
  check_forged([](ProofNode& step) { step.cuts[0].multiplier = 1e300; }, "messages of edge");
  for (const double multiplier : {-.1, std::numeric_limits<double>::infinity(),
                                  -std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()})
    check_forged([&](ProofNode& step) { step.cuts[0].multiplier = multiplier; }, kMalformed);
}

TEST_CASE("forged: edges that are none, too few, or no cycle") {
  for (const EdgeId e : {EdgeId{-1}, EdgeId{3}, EdgeId{1} << 40, std::numeric_limits<EdgeId>::max()})
    check_forged([&](ProofNode& step) { step.cuts[0].edges[1] = e; }, kMalformed);
  for (const std::vector<EdgeId>& edges :
       {std::vector<EdgeId>{}, {0}, {0, 1}, {0, 0, 0}, {0, 1, 1}, {0, 1, 2, 2}, {0, 1, 2, 0, 1, 2}})
    check_forged([&](ProofNode& step) { step.cuts[0].edges = edges; }, kMalformed);
}

TEST_CASE("forged: nodes that are none, off the cycle, or not one for each label") {
  for (const NodeId u : {-1, 3, std::numeric_limits<NodeId>::max()})
    check_forged([&](ProofNode& step) { step.cuts[0].named[1] = u; }, kMalformed);
  check_forged([](ProofNode& step) { step.cuts[0].named.pop_back(); }, kMalformed);
  check_forged([](ProofNode& step) { step.cuts[0].named.push_back(0); }, kMalformed);
}

TEST_CASE("forged: two cycles in one cut, which together would ask for four cut edges of two") {
  const std::vector<Instance> parts{triangle(), triangle()};
  Instance instance = side_by_side(parts);
  std::vector<Edge> edges = edges_of(instance);
  std::vector<Weight> weights = weights_of(instance);
  edges.push_back({0, 3});
  weights.push_back(.01);
  instance.graph = Graph::from_edges(6, edges, weights);
  Result forged = solved(instance);
  REQUIRE(!step_of(forged).cuts.empty());
  std::vector<EdgeId> both;
  for (EdgeId e = 0; e < instance.graph.n_edges(); ++e)
    if (!(instance.graph.edges()[static_cast<std::size_t>(e)] == Edge{0, 3})) both.push_back(e);
  step_of(forged).cuts[0].edges = both;
  const CertificateCheck check = check_certificate(instance.problem(), forged);
  CHECK(joined(check.problems).find(kMalformed) != std::string::npos);
}

TEST_CASE("forged: a step with cuts and parts") {
  check_forged(
      [](ProofNode& step) {
        ProofPart part;
        part.nodes = {0};
        part.proof.emplace_back();
        step.parts.push_back(part);
      },
      "both cuts and parts");
}

}  // namespace liid_cut::test
