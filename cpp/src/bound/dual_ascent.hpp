// Sequential dual ascent on the CKR dual: a lower bound without a linear program, and labellings on the way.
//
// TRW-S (Kolmogorov, "Convergent tree-reweighted message passing for energy minimization", PAMI 2006) in the form of
// SRMP (Kolmogorov, "A new look at reweighted message passing", PAMI 2015): nodes are visited in an order and back;
// each collects what its edges hold, and gives equal shares of its costs to the edges ahead. For Potts edges a visit
// takes O(labels) an edge. The bound never falls; it may stall below the LP's value.
#pragma once

#include <span>
#include <vector>

#include "problem/potts_model.hpp"

namespace liid_cut {

class DualAscent {
 public:
  // Starts from feasible messages (n_edges x n_labels; empty: zero).
  DualAscent(const PottsModel& model, std::span<const double> messages);

  // One visit of all nodes, forwards and backwards. On the way forwards each node takes the label that is cheapest
  // given the labels behind and the messages ahead: `labels` is that labelling, not improved.
  void iterate(Labelling& labels);

  // Messages feasible in the dual (n_edges x n_labels); their dual_bound is at least that of the state of the ascent.
  std::vector<double> messages() const;

 private:
  // Everything below is numbered by position in the order of visits, edges by the earlier of their ends: a pass then
  // runs through memory almost in sequence, which on large kernels is worth more than any other measure.
  struct Arc {
    NodeId other;
    std::int32_t edge;
    Weight weight;
  };

  void visit(NodeId position, bool forwards);
  LabelId cheapest_label(NodeId position);
  std::span<const Arc> arcs(NodeId position) const {
    const auto i = static_cast<std::size_t>(position);
    return std::span(arcs_).subspan(offsets_[i], offsets_[i + 1] - offsets_[i]);
  }
  double* held(std::int32_t edge) { return &held_[static_cast<std::size_t>(edge) * n_labels_]; }

  const PottsModel& model_;
  std::size_t n_labels_;
  std::vector<NodeId> order_;          // node by position
  std::vector<std::int32_t> numbers_;  // number by edge of the model
  std::vector<std::size_t> offsets_;
  std::vector<Arc> arcs_;
  // Per edge, the message towards the end that was visited last, and which end that was. The message towards the other
  // end follows from it: the negative, truncated to the edge's weight.
  std::vector<double> held_;
  std::vector<NodeId> last_;
  std::vector<double> total_;  // costs with messages of the node being visited
  std::vector<double> scratch_;
  Labelling labels_;  // by position
};

}  // namespace liid_cut
