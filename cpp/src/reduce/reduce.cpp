// See reduce.hpp.
#include "reduce/reduce.hpp"

#include <algorithm>
#include <utility>

#include "reduce/rules.hpp"

namespace liid_cut {

namespace {

// The model of kernel.nodes; an edge keeps its direction, so that its message keeps its sign.
void fill_in(Kernel& kernel, ReducedModel& reduced, LabelId n_labels, std::span<NodeId> local) {
  PottsModel& model = kernel.model;
  model.n_nodes = static_cast<NodeId>(kernel.nodes.size());
  model.n_labels = n_labels;
  for (std::size_t i = 0; i < kernel.nodes.size(); ++i)
    local[static_cast<std::size_t>(kernel.nodes[i])] = static_cast<NodeId>(i);

  model.unary.reserve(kernel.nodes.size() * model.columns());
  std::vector<std::pair<std::int32_t, Edge>> edges;
  for (const NodeId u : kernel.nodes) {
    const auto costs = reduced.costs(u);
    model.unary.insert(model.unary.end(), costs.begin(), costs.end());
    for (const auto& arc : reduced.arcs(u))
      if (arc.side == 0)
        edges.push_back({arc.edge, {local[static_cast<std::size_t>(u)], local[static_cast<std::size_t>(arc.to)]}});
  }
  std::sort(edges.begin(), edges.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  for (const auto& [id, edge] : edges) {
    kernel.edges.push_back(id);
    model.edges.push_back(edge);
    model.weights.push_back(reduced.weight(id));
  }
  model.adjacency = Adjacency(model.n_nodes, model.edges);
}

}  // namespace

void reduce(ReducedModel& model, Rules rules) {
  do {
    for (NodeId u = model.next_touched(); u != kNoNode; u = model.next_touched()) {
      // A node that leaves touches the nodes that it changed.
      if (rules == Rules::all) eliminate_labels(model, u);
      if (detach_decided_node(model, u) || eliminate_leaf(model, u)) continue;
      if (rules == Rules::all) contract_heavy_edge(model, u);
    }
  } while (settle_by_isolating_cuts(model));
}

std::vector<Kernel> kernels_of(ReducedModel& reduced, const PottsModel& original) {
  std::vector<NodeId> local(static_cast<std::size_t>(original.n_nodes), kNoNode);
  std::vector<Kernel> kernels;
  for (NodeId start = 0; start < original.n_nodes; ++start) {
    if (!reduced.is_alive(start) || reduced.arcs(start).empty() || local[static_cast<std::size_t>(start)] != kNoNode)
      continue;
    Kernel kernel;
    kernel.nodes.push_back(start);
    local[static_cast<std::size_t>(start)] = 0;
    for (std::size_t next = 0; next < kernel.nodes.size(); ++next)
      for (const auto& arc : reduced.arcs(kernel.nodes[next]))
        if (NodeId& seen = local[static_cast<std::size_t>(arc.to)]; seen == kNoNode) {
          seen = 0;
          kernel.nodes.push_back(arc.to);
        }
    fill_in(kernel, reduced, original.n_labels, local);
    kernels.push_back(std::move(kernel));
  }
  return kernels;
}

}  // namespace liid_cut
