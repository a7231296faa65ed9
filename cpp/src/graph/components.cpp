// Connected components by union-find (Eq. 12); see liid_cut/graph.hpp.
//
// Union by smaller root with path halving: roots are then each component's smallest node, which numbers the
// components independently of the order of the edges.
#include <algorithm>
#include <numeric>

#include "liid_cut/graph.hpp"

namespace liid_cut {
namespace {

class UnionFind {
 public:
  explicit UnionFind(NodeId n_nodes) : parent_(static_cast<std::size_t>(n_nodes)) {
    std::iota(parent_.begin(), parent_.end(), NodeId{0});
  }
  NodeId root(NodeId u) {
    while (parent(u) != u) u = parent(u) = parent(parent(u));
    return u;
  }
  void join(NodeId u, NodeId v) {
    const NodeId a = root(u);
    const NodeId b = root(v);
    parent(std::max(a, b)) = std::min(a, b);
  }

 private:
  NodeId& parent(NodeId u) { return parent_[static_cast<std::size_t>(u)]; }

  std::vector<NodeId> parent_;
};

// Stable counting sort of 0..n-1 by component.
template <class Id>
void group(std::span<const ComponentId> component_of, ComponentId n_components, std::vector<std::size_t>& offsets,
           std::vector<Id>& members) {
  offsets.assign(static_cast<std::size_t>(n_components) + 1, 0);
  for (const ComponentId t : component_of) ++offsets[static_cast<std::size_t>(t) + 1];
  std::partial_sum(offsets.begin(), offsets.end(), offsets.begin());
  std::vector<std::size_t> next(offsets.begin(), offsets.end() - 1);
  members.resize(component_of.size());
  for (std::size_t i = 0; i < component_of.size(); ++i)
    members[next[static_cast<std::size_t>(component_of[i])]++] = static_cast<Id>(i);
}

}  // namespace

Components find_components(const Graph& graph) {
  UnionFind sets(graph.n_nodes());
  for (const Edge& edge : graph.edges()) sets.join(edge.u, edge.v);

  Components result;
  result.component_of.resize(static_cast<std::size_t>(graph.n_nodes()));
  ComponentId n_components = 0;
  for (NodeId u = 0; u < graph.n_nodes(); ++u) {
    const NodeId root = sets.root(u);
    result.component_of[static_cast<std::size_t>(u)] =
        root == u ? n_components++ : result.component_of[static_cast<std::size_t>(root)];
  }
  group(std::span<const ComponentId>(result.component_of), n_components, result.node_offsets, result.nodes);
  result.place.resize(result.nodes.size());
  for (ComponentId t = 0; t < n_components; ++t)
    for (NodeId place = 0; const NodeId u : result.nodes_of(t)) result.place[static_cast<std::size_t>(u)] = place++;

  std::vector<ComponentId> of_edge;
  of_edge.reserve(graph.edges().size());
  for (const Edge& edge : graph.edges()) of_edge.push_back(result.component_of[static_cast<std::size_t>(edge.u)]);
  group(std::span<const ComponentId>(of_edge), n_components, result.edge_offsets, result.edges);
  return result;
}

}  // namespace liid_cut
