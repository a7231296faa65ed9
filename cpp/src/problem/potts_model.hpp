// One component as a Potts model: what every stage after the components works on.
//
//   cost(x) = sum_u unary[u, x_u] + sum_e weight[e] * [x_u != x_v],   unary = +infinity where a label is not allowed
//
// Nodes and edges are renumbered from 0 in ascending order, so that the same component gives the same model (and so
// the same answer, to the bit) wherever it stands in the whole problem.
#pragma once

#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

#include "liid_cut/graph.hpp"
#include "liid_cut/problem.hpp"
#include "liid_cut/types.hpp"

namespace liid_cut {

using Labelling = std::vector<LabelId>;

struct PottsModel {
  NodeId n_nodes = 0;
  LabelId n_labels = 0;
  std::vector<double> unary;  // n_nodes x n_labels, row-major
  std::vector<Edge> edges;    // in a kernel, what reductions left, also with u > v
  std::vector<Weight> weights;
  Adjacency adjacency;

  std::size_t n_edges() const { return edges.size(); }
  std::size_t index(NodeId u, LabelId k) const {
    return static_cast<std::size_t>(u) * columns() + static_cast<std::size_t>(k);
  }
  std::size_t columns() const { return static_cast<std::size_t>(n_labels); }
  std::span<const double> costs_of(NodeId u) const { return std::span(unary).subspan(index(u, 0), columns()); }
  bool is_allowed(NodeId u, LabelId k) const { return std::isfinite(unary[index(u, k)]); }
};

// The model of component t of a problem.
PottsModel component_model(const Problem& problem, const Components& components, ComponentId t);

// The model of a whole problem, components and all.
PottsModel whole_model(const Problem& problem);

double cost_of(const PottsModel& model, std::span<const LabelId> labels);

// Lowers what is above `most` to it, finite costs and weights; returns whether anything was. Costs are >= 0, so a
// labelling that pays such a term costs at least `most` before and after: cheaper ones cost the same, and an optimum
// below `most` stays one. Messages and bounds of the lowered model are right for the model as it was.
bool truncate(PottsModel& model, double most);

// In these, `unary` stands in place of the model's own: +infinity marks a label that is not left.

// Every node's cheapest label, lower ones first among equals.
Labelling cheapest_labels(const PottsModel& model, std::span<const double> unary);

// Whether `labels` are a labelling whose labels are all left.
bool are_left(const PottsModel& model, std::span<const double> unary, std::span<const LabelId> labels);

}  // namespace liid_cut
