// A multi-way cut problem: terminal weights, a graph, and the labels that each node may take.
//
//   minimise over labellings x   sum_u ( sum_k p[u,k] - p[u, x_u] )  +  sum_{(u,v)} w(u,v) * [x_u != x_v]
//
// which is the weight of all edges, to terminals and between proposals, that the cut removes (LIID, section 5.3).
// Nothing is copied: the arrays stay with the caller and must outlive the problem.
#pragma once

#include <cstddef>
#include <span>

#include "liid_cut/graph.hpp"
#include "liid_cut/matrix_view.hpp"
#include "liid_cut/types.hpp"

namespace liid_cut {

struct Problem {
  const Graph& graph;
  MatrixView terminal_weights;         // p: n_nodes x n_labels
  std::span<const bool> allowed = {};  // n_nodes x n_labels, row-major; empty: every label is allowed

  NodeId n_nodes() const { return static_cast<NodeId>(terminal_weights.n_rows()); }
  LabelId n_labels() const { return static_cast<LabelId>(terminal_weights.n_columns()); }
  bool is_allowed(NodeId u, LabelId k) const {
    return allowed.empty() ||
           allowed[static_cast<std::size_t>(u) * terminal_weights.n_columns() + static_cast<std::size_t>(k)];
  }
};

// Throws std::invalid_argument on the first entry of `probs` that is negative or not finite and, unless zero rows are
// allowed, on the first row without any positive entry. Returns the sum of all entries.
double validate_terminal_weights(const MatrixView& probs, bool allow_zero_rows);

// Throws std::invalid_argument that names the argument, the first offending row and what is allowed:
// shapes that differ, a terminal weight that is negative or not finite, a node with no allowed label.
void validate(const Problem& problem);

// The costs c[u,k] = sum_j p[u,j] - p[u,k] of one node's labels; +infinity where a label is not allowed.
// Precondition: costs.size() == n_labels.
void label_costs(const Problem& problem, NodeId u, std::span<double> costs);

// Cost of a labelling. Throws std::invalid_argument where a label is out of range or not allowed.
double cut_cost(const Problem& problem, std::span<const LabelId> labels);

}  // namespace liid_cut
