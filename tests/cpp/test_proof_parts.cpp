// The certificate checker on proofs with forged parts: one fault a test. It must never read what is not there.
#include <doctest/doctest.h>

#include <functional>
#include <limits>

#include "checks.hpp"
#include "liid_cut/solve.hpp"

namespace liid_cut::test {
namespace {

// The genuine result of the triangle, whose proof has a part of all nodes, with a part of all nodes three steps below.
void check_forged(const std::function<void(ProofPart&)>& forge, const char* problem) {
  const Instance instance = triangle();
  for (const bool nested : {false, true}) {
    Result forged = solve(instance.problem());
    ProofPart& outer = forged.proofs.at(0);
    forge(nested ? outer.proof.at(0).children.at(0).parts.at(0) : outer);
    const CertificateCheck check = check_certificate(instance.problem(), forged);
    CHECK_FALSE(check.ok());
    CHECK_MESSAGE(joined(check.problems).find(problem) != std::string::npos, joined(check.problems));
  }
}

constexpr const char* kMalformed = "the parts of a proof are malformed";

// A claim that `labels` cost `cost` and that nothing is cheaper, by zero messages and `proofs`.
Result claim(const Instance& instance, std::vector<LabelId> labels, std::vector<ProofPart> proofs) {
  Result result = solve(instance.problem());
  result.labels = std::move(labels);
  result.messages.assign(result.messages.size(), 0.0);
  result.cost = result.lower_bound = removed_weight(instance, result.labels);
  result.proofs = std::move(proofs);
  return result;
}

ProofPart part_of(std::vector<NodeId> nodes, std::vector<EdgeId> edges, ProofNode step = {}) {
  ProofPart part;
  part.nodes = std::move(nodes);
  part.edges = std::move(edges);
  part.proof.push_back(std::move(step));
  return part;
}

// Two nodes that want different labels; parting costs .5, agreeing 1.
//
//   (1, 0)  0 --- .5 --- 1  (0, 1)
Instance two_nodes() { return make_instance(2, {1, 0, 0, 1}, {{0, 1}}, {.5}); }

}  // namespace

TEST_CASE("forged: a part without nodes, without steps, or with two") {
  check_forged([](ProofPart& part) { part.nodes.clear(); }, kMalformed);
  check_forged([](ProofPart& part) { part.proof.clear(); }, kMalformed);
  check_forged([](ProofPart& part) { part.proof.emplace_back(); }, kMalformed);
}

TEST_CASE("forged: a part's nodes that are none, twice there, or out of order") {
  for (const NodeId u : {3, 1000000, std::numeric_limits<NodeId>::max()})
    check_forged([&](ProofPart& part) { part.nodes.back() = u; }, "part");
  check_forged([&](ProofPart& part) { part.nodes.front() = -1; }, "part");
  check_forged([&](ProofPart& part) { part.nodes = {0, 1, 1, 2}; }, kMalformed);
  check_forged([&](ProofPart& part) { part.nodes = {0, 2, 1}; }, kMalformed);
}

TEST_CASE("forged: a part's edges that are none, out of order, or lead out of it") {
  for (const EdgeId e : {EdgeId{3}, EdgeId{1000000}, std::numeric_limits<EdgeId>::max()})
    check_forged([&](ProofPart& part) { part.edges.back() = e; }, kMalformed);
  check_forged([&](ProofPart& part) { part.edges.front() = -1; }, kMalformed);
  check_forged([&](ProofPart& part) { part.edges = {0, 2, 1}; }, kMalformed);
  check_forged([&](ProofPart& part) { part.nodes.pop_back(); }, kMalformed);
}

TEST_CASE("forged: parts that overlap") {
  const Instance instance = triangle();
  for (const bool nested : {false, true}) {
    Result forged = solve(instance.problem());
    auto& parts = nested ? forged.proofs.at(0).proof.at(0).children.at(0).parts : forged.proofs;
    parts.push_back(part_of({2}, {}));
    const CertificateCheck check = check_certificate(instance.problem(), forged);
    CHECK(joined(check.problems).find(kMalformed) != std::string::npos);
  }
}

TEST_CASE("forged: a nested part's nodes and edges beyond those of the part around it") {
  const Instance instance = two_triangles();
  Result forged = solve(instance.problem());
  forged.proofs.at(0).proof.at(0).children.at(0).parts.at(0) = forged.proofs.at(1);
  const CertificateCheck check = check_certificate(instance.problem(), forged);
  CHECK(joined(check.problems).find(kMalformed) != std::string::npos);
}

TEST_CASE("a genuine part proves what its own messages prove") {
  const Instance instance = two_nodes();
  ProofNode step;
  step.messages = {.5, 0};
  CHECK(check_certificate(instance.problem(), claim(instance, {0, 1}, {part_of({0, 1}, {0}, step)})).ok());
}

TEST_CASE("forged: an edge listed twice, so that its messages may spread by twice its weight") {
  const Instance instance = two_nodes();
  ProofNode step;
  step.messages = {.5, 0, .5, 0};
  Result forged = claim(instance, {0, 0}, {part_of({0, 1}, {0, 0}, step)});
  forged.components[0].cost = forged.components[0].lower_bound = forged.cost;
  const CertificateCheck check = check_certificate(instance.problem(), forged);
  CHECK_FALSE(check.ok());
  CHECK_FALSE(check.lower_bound > .5);
}

TEST_CASE("forged: one component's bound proven by another's, through a part across both") {
  const std::vector<Instance> parts{two_nodes(), two_nodes()};
  const Instance instance = side_by_side(parts);
  ProofNode step;
  step.messages = {.5, 0, .5, 0};
  Result forged = claim(instance, {0, 0, 0, 1}, {part_of({0, 1, 2, 3}, {0, 1}, step)});
  forged.lower_bound = 1;
  forged.status = forged.components[1].status = Status::time_limit;
  forged.components[0].cost = forged.components[0].lower_bound = 1;  // .5 is the optimum
  forged.components[1].lower_bound = 0;
  CHECK_FALSE(check_certificate(instance.problem(), forged).ok());
}

TEST_CASE("forged: a part of a problem without nodes") {
  const Instance instance = make_instance(2, {}, {}, {});
  for (const std::vector<NodeId>& nodes : {std::vector<NodeId>{0}, std::vector<NodeId>{}}) {
    Result forged = solve(instance.problem());
    forged.proofs.push_back(part_of(nodes, {}));
    CHECK_FALSE(check_certificate(instance.problem(), forged).ok());
  }
}

}  // namespace liid_cut::test
