// The weighted graph between proposals (LIID, Eq. 10, without the terminals) and its components (Eq. 12).
//
// Input: an edge list, or the neighbour lists of a k-nearest-neighbour search.
// Output: a Graph, undirected, without self-loops, parallel edges or zero weights; edges sorted by (u, v).
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "liid_cut/types.hpp"

namespace liid_cut {

// An edge at one of its end nodes, as the CSR rows list it.
struct Incidence {
  NodeId neighbour;
  EdgeId edge;
};

// Compressed sparse rows over an edge list: who is adjacent to u, by which edge. Rows are sorted by edge id.
class Adjacency {
 public:
  Adjacency() = default;
  Adjacency(NodeId n_nodes, std::span<const Edge> edges);

  std::span<const Incidence> operator[](NodeId u) const {
    const auto i = static_cast<std::size_t>(u);
    return {incidences_.data() + offsets_[i], incidences_.data() + offsets_[i + 1]};
  }

 private:
  std::vector<std::size_t> offsets_;
  std::vector<Incidence> incidences_;
};

// Which of the pairs "v is among the nearest of u" become edges.
enum class Symmetrize {
  mutual_neighbours,  // both directions are present: degree <= k
  any_neighbour,      // at least one is (the union graph)
};

class Graph {
 public:
  // Sorts, merges parallel edges by adding their weights, drops weights of 0.
  // Throws std::invalid_argument on an end outside 0..n_nodes-1, a self-loop, a weight that is negative or not finite.
  static Graph from_edges(NodeId n_nodes, std::vector<Edge> edges, std::vector<Weight> weights);

  NodeId n_nodes() const { return n_nodes_; }
  EdgeId n_edges() const { return static_cast<EdgeId>(edges_.size()); }
  std::span<const Edge> edges() const { return edges_; }
  std::span<const Weight> weights() const { return weights_; }

 private:
  NodeId n_nodes_ = 0;
  std::vector<Edge> edges_;
  std::vector<Weight> weights_;
};

// Eq. 10: w(u, v) = delta * |cos(f_u, f_v)| for the pairs that a neighbour search found.
//
// neighbours, cosines: n_nodes rows of n_neighbours entries, row-major; a negative id stands for none.
// An entry equal to its own row's node is ignored. Where both directions are present their cosines are
// averaged, so that the weight does not depend on which end asked.
// Throws std::invalid_argument on an id >= n_nodes, a cosine that is not finite, or a negative delta.
Graph neighbour_graph(NodeId n_nodes, int n_neighbours, std::span<const std::int64_t> neighbours,
                      std::span<const double> cosines, Weight delta, Symmetrize symmetrize);

// The node sets G_t of Eq. 12, numbered by their smallest node; nodes and edges ascend within each.
struct Components {
  std::vector<ComponentId> component_of;  // by node
  std::vector<std::size_t> node_offsets;  // component t holds nodes[node_offsets[t] .. node_offsets[t + 1])
  std::vector<NodeId> nodes;
  std::vector<NodeId> place;  // by node: its place among its component's nodes
  std::vector<std::size_t> edge_offsets;
  std::vector<EdgeId> edges;

  ComponentId count() const { return static_cast<ComponentId>(node_offsets.size() - 1); }
  std::span<const NodeId> nodes_of(ComponentId t) const {
    return slice(std::span<const NodeId>(nodes), node_offsets, t);
  }
  std::span<const EdgeId> edges_of(ComponentId t) const {
    return slice(std::span<const EdgeId>(edges), edge_offsets, t);
  }

 private:
  template <class T>
  static std::span<const T> slice(std::span<const T> all, const std::vector<std::size_t>& offsets, ComponentId t) {
    const auto i = static_cast<std::size_t>(t);
    return all.subspan(offsets[i], offsets[i + 1] - offsets[i]);
  }
};

Components find_components(const Graph& graph);

}  // namespace liid_cut
