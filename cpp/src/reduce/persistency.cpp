// Rule: the nodes on the side of terminal k in a minimum cut between k and all other terminals take label k.
//
// Why an optimum survives: let S be that side, in a minimum cut of  "k or not k"  where a node that is not k pays for
// the cheapest of its other labels. Giving S the label k raises the cost of no labelling, by submodularity (isolating
// cuts: Dahlhaus et al., "The complexity of multiterminal cuts", SIAM J. Comput. 23, 1994; as partial optimality of
// Potts models: Kovtun, "Partial optimal labeling search for a NP-hard subclass of (max,+) problems", DAGM 2003).
// Why messages lift: on an edge within S the maximum flow is a message about label k. What flows out of a node of S,
// and the whole weight of its edges that leave S, is no more than what its other labels cost above k; so k stays the
// cheapest label there whatever the neighbours take, and the flows add up to nothing.
//
// Steps, for each label: the nodes that k is cheapest for, and all that they may take along (a node whose surcharge for
// k is no less than all its edges never comes along); their maximum flow; what is on the side of k is settled.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "flow/max_flow.hpp"
#include "reduce/rules.hpp"

namespace liid_cut {
namespace {

class IsolatingCuts {
 public:
  explicit IsolatingCuts(ReducedModel& model)
      : model_(model), rows_(index(model.n_nodes())), place_(index(model.n_nodes()), kNoNode) {}

  // Whether any node was settled.
  bool settle() {
    std::vector<std::vector<NodeId>> seeds(model_.n_labels());
    for (NodeId u = 0; u < model_.n_nodes(); ++u)
      if (is_open(u)) seeds[index(look_at(u).cheapest)].push_back(u);
    bool settled = false;
    for (std::size_t k = 0; k < seeds.size(); ++k) {
      choose_nodes(static_cast<LabelId>(k), seeds[k]);
      if (nodes_.empty()) continue;
      build_flow(static_cast<LabelId>(k));
      flow_.solve();
      settled = settle_source_side(static_cast<LabelId>(k)) || settled;
      for (const NodeId u : nodes_) place_[index(u)] = kNoNode;
      nodes_.clear();
    }
    return settled;
  }

 private:
  struct Row {  // of a node's costs, for one look at all of them
    LabelId cheapest = kNoLabel;
    double smallest = 0;
    double second = 0;  // of the other labels
    Weight degree = 0;
  };

  template <class Id>
  static std::size_t index(Id id) {
    return static_cast<std::size_t>(id);
  }

  bool is_open(NodeId u) const { return model_.is_alive(u) && !model_.arcs(u).empty(); }

  const Row& look_at(NodeId u) {
    Row& row = rows_[index(u)];
    row.smallest = row.second = std::numeric_limits<double>::infinity();
    const auto costs = model_.costs(u);
    for (std::size_t k = 0; k < costs.size(); ++k) {
      if (costs[k] < row.smallest) {
        row.second = row.smallest;
        row.smallest = costs[k];
        row.cheapest = static_cast<LabelId>(k);
      } else {
        row.second = std::min(row.second, costs[k]);
      }
    }
    row.degree = model_.weighted_degree(u);
    return row;
  }

  // What the cheapest other label costs above k: -infinity where k is not allowed. So it is, too, where only k is: such
  // a node is detached by its own rule.
  double advantage(NodeId u, LabelId k) const {
    const Row& row = rows_[index(u)];
    if (!std::isfinite(row.second)) return -std::numeric_limits<double>::infinity();
    return (row.cheapest == k ? row.second : row.smallest) - model_.costs(u)[index(k)];
  }

  void choose_nodes(LabelId k, const std::vector<NodeId>& seeds) {
    for (const NodeId u : seeds)
      if (is_open(u) && advantage(u, k) > 0) choose(u);
    for (std::size_t i = 0; i < nodes_.size(); ++i)
      for (const auto& arc : model_.arcs(nodes_[i]))
        if (place_[index(arc.to)] == kNoNode && advantage(arc.to, k) > -rows_[index(arc.to)].degree) choose(arc.to);
  }

  void choose(NodeId u) {
    place_[index(u)] = static_cast<NodeId>(nodes_.size());
    nodes_.push_back(u);
  }

  // Source side: takes k. Nodes that were not chosen do not.
  void build_flow(LabelId k) {
    flow_.clear(static_cast<NodeId>(nodes_.size()));
    edges_.clear();
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      const double more = advantage(nodes_[i], k);
      double to_sink = std::max(-more, 0.0);
      for (const auto& arc : model_.arcs(nodes_[i])) {
        const Weight w = model_.weight(arc.edge);
        if (place_[index(arc.to)] == kNoNode) {
          to_sink += w;
        } else if (arc.side == 0) {
          flow_.add_edge(static_cast<NodeId>(i), place_[index(arc.to)], w, w);
          edges_.push_back(arc.edge);
        }
      }
      flow_.add_terminal_weights(static_cast<NodeId>(i), std::max(more, 0.0), to_sink);
    }
  }

  bool settle_source_side(LabelId k) {
    SettledNodes settled;
    for (std::size_t i = 0; i < nodes_.size(); ++i)
      if (flow_.is_source_side(static_cast<NodeId>(i))) settled.nodes.push_back(nodes_[i]);
    if (settled.nodes.empty()) return false;
    settled.labels.assign(settled.nodes.size(), k);
    for (std::size_t e = 0; e < edges_.size(); ++e) {
      const auto& edge = flow_.edges()[e];
      if (!flow_.is_source_side(edge.u) || !flow_.is_source_side(edge.v)) continue;
      settled.edges.push_back(edges_[e]);
      settled.messages.resize(settled.edges.size() * model_.n_labels(), 0.0);
      settled.messages[(settled.edges.size() - 1) * model_.n_labels() + index(k)] = flow_.flow_on(e);
    }

    std::vector<NodeId> around;
    for (const NodeId u : settled.nodes)
      for (const auto& arc : model_.arcs(u)) around.push_back(arc.to);
    model_.settle(settled);
    for (const NodeId u : around)
      if (is_open(u)) look_at(u);
    return true;
  }

  ReducedModel& model_;
  std::vector<Row> rows_;            // by node
  std::vector<NodeId> place_;        // by node: in nodes_, or kNoNode
  std::vector<NodeId> nodes_;        // of the flow
  std::vector<std::int32_t> edges_;  // the model's, by edge of the flow
  MaxFlow flow_;
};

}  // namespace

bool settle_by_isolating_cuts(ReducedModel& model) { return IsolatingCuts(model).settle(); }

}  // namespace liid_cut
