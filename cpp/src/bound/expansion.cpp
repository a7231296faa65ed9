// See expansion.hpp.
#include "bound/expansion.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "flow/max_flow.hpp"
#include "util/assert.hpp"

namespace liid_cut {
namespace {

// An expansion must gain more than rounding can feign, or two labellings of equal cost could alternate for ever.
constexpr double kLeastGain = 1e-12;

// A node's costs of keeping its label and of taking alpha, and the edges to nodes that choose as well.
//
//   u keeps, v keeps: w * [x_u != x_v]      both take alpha: 0      else: w
//
// is, for x_u != x_v, w / 2 for either node that keeps and w / 2 for the edge cut in either direction.
class Expansion {
 public:
  Expansion(const PottsModel& model, Labelling& labels)
      : model_(model),
        labels_(labels),
        unary_(labels.size()),
        degree_(labels.size(), 0.0),
        cut_degree_(labels.size(), 0.0),
        flow_node_(labels.size(), kNoNode),
        cost_(cost_of(model, labels)) {
    for (NodeId u = 0; u < model.n_nodes; ++u) {
      for (const auto [v, e] : model.adjacency[u]) degree_[index(u)] += model.weights[index(e)];
      unary_[index(u)] = model.unary[model.index(u, labels[index(u)])];
      update_cut_degree(u);
    }
  }

  // Whether the best expansion of alpha lowered the cost; the labels are then those after it.
  bool apply(LabelId alpha) {
    choose_nodes(alpha);
    if (nodes_.empty()) return false;
    build_flow(alpha);
    const bool gains = move(alpha);
    for (const NodeId u : nodes_) flow_node_[index(u)] = kNoNode;
    nodes_.clear();
    return gains;
  }

 private:
  template <class Id>
  static std::size_t index(Id id) {
    return static_cast<std::size_t>(id);
  }

  // What u must pay more for alpha than for its label; +infinity where it may not take alpha, or has it.
  double surcharge(NodeId u, LabelId alpha) const {
    if (labels_[index(u)] == alpha) return std::numeric_limits<double>::infinity();
    return model_.unary[model_.index(u, alpha)] - unary_[index(u)];
  }

  // A set of nodes gains only if one of them has more to gain than its surcharge: its edges to nodes with alpha, and
  // half of its other cut edges, whose other half is the other end's.
  bool may_gain(NodeId u, LabelId alpha) const {
    double gain = -surcharge(u, alpha);
    if (!(gain + cut_degree_[index(u)] > 0)) return false;
    for (const auto [v, e] : model_.adjacency[u]) {
      const double w = model_.weights[index(e)];
      if (labels_[index(v)] == alpha)
        gain += w;
      else if (labels_[index(v)] != labels_[index(u)])
        gain += w / 2;
    }
    return gain > 0;
  }
  // A node whose surcharge is no less than all its edges is better left out of any expansion.
  bool may_move(NodeId u, LabelId alpha) const { return surcharge(u, alpha) < degree_[index(u)]; }

  void update_cut_degree(NodeId u) {
    double total = 0;
    for (const auto [v, e] : model_.adjacency[u])
      if (labels_[index(v)] != labels_[index(u)]) total += model_.weights[index(e)];
    cut_degree_[index(u)] = total;
  }

  void choose_node(NodeId u) {
    flow_node_[index(u)] = static_cast<NodeId>(nodes_.size());
    nodes_.push_back(u);
  }

  // The nodes that may gain, and all that they may take along.
  void choose_nodes(LabelId alpha) {
    for (NodeId u = 0; u < model_.n_nodes; ++u)
      if (may_gain(u, alpha)) choose_node(u);
    for (std::size_t i = 0; i < nodes_.size(); ++i)
      for (const auto [v, e] : model_.adjacency[nodes_[i]])
        if (flow_node_[index(v)] == kNoNode && may_move(v, alpha)) choose_node(v);
  }

  // Source side: takes alpha.
  void build_flow(LabelId alpha) {
    flow_.clear(static_cast<NodeId>(nodes_.size()));
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      const NodeId u = nodes_[i];
      double keep = 0;
      double take = surcharge(u, alpha);
      for (const auto [v, e] : model_.adjacency[u]) {
        const double w = model_.weights[index(e)];
        const bool is_cut = labels_[index(u)] != labels_[index(v)];
        if (labels_[index(v)] == alpha) {
          keep += w;
        } else if (flow_node_[index(v)] == kNoNode) {  // v keeps its label
          if (!is_cut) take += w;
        } else {
          if (is_cut) keep += w / 2;
          const double capacity = is_cut ? w / 2 : w;
          if (u < v) flow_.add_edge(static_cast<NodeId>(i), flow_node_[index(v)], capacity, capacity);
        }
      }
      flow_.add_terminal_weights(static_cast<NodeId>(i), keep - std::min(take, 0.0), std::max(take, 0.0));
    }
  }

  bool move(LabelId alpha) {
    flow_.solve();
    moved_.clear();
    for (std::size_t i = 0; i < nodes_.size(); ++i)
      if (flow_.is_source_side(static_cast<NodeId>(i))) moved_.push_back({nodes_[i], labels_[index(nodes_[i])]});
    if (moved_.empty()) return false;
    for (const auto& [u, label] : moved_) labels_[index(u)] = alpha;
    const double cost = cost_of(model_, labels_);
    if (!(cost < cost_ - kLeastGain * std::max(1.0, std::abs(cost_)))) {
      for (const auto& [u, label] : moved_) labels_[index(u)] = label;
      return false;
    }
    cost_ = cost;
    for (const auto& [u, label] : moved_) {
      unary_[index(u)] = model_.unary[model_.index(u, alpha)];
      update_cut_degree(u);
      for (const auto [v, e] : model_.adjacency[u]) update_cut_degree(v);
    }
    return true;
  }

  struct Moved {
    NodeId node;
    LabelId label;  // before
  };

  const PottsModel& model_;
  Labelling& labels_;
  std::vector<double> unary_;       // by node: what its label costs
  std::vector<double> degree_;      // by node: the weight of its edges
  std::vector<double> cut_degree_;  // by node: the weight of its edges that the labelling cuts
  std::vector<NodeId> nodes_;       // who chooses between its label and alpha
  std::vector<NodeId> flow_node_;   // by node: its place in nodes_, or kNoNode
  std::vector<Moved> moved_;
  MaxFlow flow_;
  double cost_;
};

}  // namespace

bool expand(const PottsModel& model, Labelling& labels) {
  LIID_HEAVY_ASSERT(std::isfinite(cost_of(model, labels)), "a node's label is not allowed");
  Expansion expansion(model, labels);
  bool improved = false;
  // Stops when every label in a row has failed; the label that was expanded last need not be tried again.
  LabelId failed = 0;
  for (LabelId alpha = 0; failed < model.n_labels; alpha = (alpha + 1) % model.n_labels) {
    if (expansion.apply(alpha)) {
      improved = true;
      failed = 1;
    } else {
      ++failed;
    }
  }
  return improved;
}

}  // namespace liid_cut
