// A Potts model that shrinks: the state on which the reduction rules work, and the way back.
//
// Rules remove labels, nodes and edges so that some cheapest labelling of what is left extends to a cheapest labelling
// of the whole at the same cost. Every removal is recorded as a step; undone in reverse order, the steps turn labels
// and dual messages of what is left into labels and messages of the whole, with the same cost and the same bound. So a
// certificate never mentions reductions. Each rule's file says why it keeps an optimum and why its messages lift.
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "problem/potts_model.hpp"

namespace liid_cut {

// Nodes with a label each that is proven cheapest whatever their neighbours take: `messages` (edges x n_labels) on the
// edges between them, and the whole weight of those that leave, bring no other label of theirs below it.
struct SettledNodes {
  std::vector<NodeId> nodes;
  std::vector<LabelId> labels;
  std::vector<std::int32_t> edges;  // all that have both ends among the nodes
  std::vector<double> messages;
};

class ReducedModel {
 public:
  // An edge at one of its ends: at side 0 the message adds to the node's costs, at side 1 it subtracts.
  struct Arc {
    NodeId to;
    std::int32_t edge;
    std::int8_t side;
  };

  explicit ReducedModel(const PottsModel& model);

  // ---- what rules look at

  NodeId n_nodes() const { return static_cast<NodeId>(alive_.size()); }  // those that left, too
  std::size_t n_labels() const { return n_labels_; }
  bool is_alive(NodeId u) const { return alive_[index(u)]; }
  std::span<const double> costs(NodeId u) const { return std::span(unary_).subspan(index(u) * n_labels_, n_labels_); }
  // Of a node that is alive. Kept up to date only when looked at: contracted nodes have thousands of arcs, and taking
  // one out at a time would be quadratic.
  std::span<const Arc> arcs(NodeId u);
  bool is_edge_alive(std::int32_t edge) const { return edge_alive_[static_cast<std::size_t>(edge)] != 0; }
  Weight weight(std::int32_t edge) const { return weights_[static_cast<std::size_t>(edge)]; }
  Weight weighted_degree(NodeId u);

  // ---- what rules do

  void remove_label(NodeId u, LabelId k);
  // u has one arc; it leaves, and the cost of its best answer to each label of its neighbour moves there.
  void remove_leaf(NodeId u);
  // u takes the label of its neighbour arcs(u)[i].to.
  void contract(NodeId u, std::size_t i);
  // u has one label k left: its edges become costs of its neighbours' other labels.
  void detach_decided(NodeId u, LabelId k);
  // The nodes take their labels and keep none of their edges.
  void settle(const SettledNodes& settled);

  // Nodes whose surroundings changed since they were last looked at, in the order in which they changed; kNoNode: none.
  NodeId next_touched();

  // ---- the way back

  // labels: of all nodes; those of nodes that are alive are given.
  void lift_labels(std::span<LabelId> labels) const;
  // messages: n_edges x n_labels; those of edges that are alive are given.
  void lift_messages(std::span<double> messages) const;
  // In place, the improving mapping of all rules: a labelling that what is left can express, at no higher cost.
  void project(std::span<LabelId> labels) const;

 private:
  enum class Kind : std::int8_t { label, leaf, contraction, merge, decided, settled_node, settled_edge };
  struct Step {
    Kind kind;
    std::int8_t side;        // of `node` in `edge`; merge: 1 if the two edges run in opposite directions
    NodeId node;             // that left, or lost a label, or was decided or settled
    NodeId into = kNoNode;   // its neighbour
    std::int32_t edge = -1;  // between them; merge: the edge that stays
    // merge: the edge that went; label, decided, settled_node: the label; contraction, settled_edge: the place in
    // shared_ or settled_messages_
    std::int32_t other = -1;
    Weight share = 0;  // merge: the part of the weight that belongs to the edge that went
  };

  static std::size_t index(NodeId u) { return static_cast<std::size_t>(u); }
  std::span<double> own_costs(NodeId u) { return std::span(unary_).subspan(index(u) * n_labels_, n_labels_); }
  double* message(std::span<double> messages, std::int32_t edge) const {
    return messages.data() + static_cast<std::size_t>(edge) * n_labels_;
  }
  NodeId contracted_into(NodeId u);  // itself, if it was not contracted
  std::int8_t side_at(NodeId v, NodeId x, std::int32_t& edge);
  void touch(NodeId u);
  void touch_neighbours(NodeId u);
  void lift_contraction(const Step& step, std::span<double> messages) const;

  std::size_t n_labels_;
  std::vector<double> unary_;
  std::vector<Weight> weights_;
  std::vector<std::vector<Arc>> arcs_;  // of a removed node: as they were when it left; of others, see arcs()
  std::vector<char> edge_alive_;
  std::vector<NodeId> into_;  // union-find over contractions
  std::vector<char> alive_;
  std::vector<char> touched_;
  std::deque<NodeId> queue_;
  std::vector<Step> steps_;
  std::vector<char> shared_;              // by contraction and label: whether the node contracted into had the label
  std::vector<double> settled_messages_;  // by settled edge and label
};

// min(costs, smallest + w): what a node answers, at best, to each label at the other end of an edge of weight w.
// The min-sum message of a Potts edge (Felzenszwalb, Huttenlocher, "Efficient belief propagation", 2006).
void truncate_to(std::span<double> costs, Weight w);

}  // namespace liid_cut
