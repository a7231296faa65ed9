// See model_cut.hpp.
#include "search/model_cut.hpp"

namespace liid_cut {
namespace {

void renumber(ProofNode& step, std::span<const NodeId> nodes, std::span<const EdgeId> edges) {
  if (step.node != kNoNode) step.node = nodes[static_cast<std::size_t>(step.node)];
  for (ProofCut& cut : step.cuts) {
    for (EdgeId& e : cut.edges) e = edges[static_cast<std::size_t>(e)];
    for (NodeId& u : cut.named) u = nodes[static_cast<std::size_t>(u)];
  }
  for (auto& [u, k] : step.ruled_out) u = nodes[static_cast<std::size_t>(u)];
  for (ProofPart& part : step.parts) renumber(part, nodes, edges);
  for (ProofNode& child : step.children) renumber(child, nodes, edges);
}

}  // namespace

ProofPart whole_model_part(const PottsModel& model, ProofNode step) {
  ProofPart part;
  for (NodeId u = 0; u < model.n_nodes; ++u) part.nodes.push_back(u);
  for (std::size_t e = 0; e < model.n_edges(); ++e) part.edges.push_back(static_cast<EdgeId>(e));
  part.proof.push_back(std::move(step));
  return part;
}

void renumber(ProofPart& part, std::span<const NodeId> nodes, std::span<const EdgeId> edges) {
  for (NodeId& u : part.nodes) u = nodes[static_cast<std::size_t>(u)];
  std::sort(part.nodes.begin(), part.nodes.end());
  for (EdgeId& e : part.edges) e = edges[static_cast<std::size_t>(e)];
  for (ProofNode& step : part.proof) renumber(step, nodes, edges);
}

}  // namespace liid_cut
