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
// k is no less than all its edges never comes along); their maximum flow; what is on the side of k is settled. Where
// edges outweigh costs every label may take nearly all nodes along, and no cut settles any: after a few it gives up.
#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <vector>

#include "flow/max_flow.hpp"
#include "reduce/rules.hpp"

namespace liid_cut {
namespace {

// Nodes that may flow in vain, as a multiple of all.
constexpr std::size_t kPatience = 3;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

template <class Id>
std::size_t index(Id id) {
  return static_cast<std::size_t>(id);
}

// Nodes that have edges, in numbers of their own: the flows of all labels run through them again and again.
class IsolatingCuts {
 public:
  explicit IsolatingCuts(ReducedModel& model) : model_(model) {
    std::vector<NodeId> number(index(model.n_nodes()), kNoNode);
    for (NodeId u = 0; u < model.n_nodes(); ++u) {
      if (!model.is_alive(u) || model.arcs(u).empty()) continue;
      number[index(u)] = static_cast<NodeId>(open_.size());
      open_.push_back(u);
    }
    offsets_.push_back(0);
    for (const NodeId u : open_) {
      for (const auto& arc : model.arcs(u)) arcs_.push_back({number[index(arc.to)], arc.edge, arc.side});
      offsets_.push_back(arcs_.size());
    }
    rows_.resize(open_.size());
    advantage_.resize(open_.size());
    place_.resize(open_.size(), kNoNode);
  }

  // Whether any node was settled.
  bool settle() {
    std::vector<char> is_cheapest(model_.n_labels(), 0);
    for (NodeId i = 0; i < n_open(); ++i) {
      look_at(i);
      is_cheapest[index(rows_[index(i)].cheapest)] = 1;
    }
    bool settled = false;
    std::size_t in_vain = 0;
    for (std::size_t k = 0; k < is_cheapest.size() && in_vain <= kPatience * open_.size(); ++k) {
      if (is_cheapest[k] == 0) continue;
      if (settle_with(static_cast<LabelId>(k)))
        settled = true;
      else
        in_vain += nodes_.size();
    }
    return settled;
  }

 private:
  struct Row {  // of a node's costs
    LabelId cheapest;
    double smallest;
    double second;  // of the other labels
    Weight degree;
  };

  NodeId n_open() const { return static_cast<NodeId>(open_.size()); }
  std::span<const ReducedModel::Arc> arcs(NodeId i) const {
    return std::span(arcs_).subspan(offsets_[index(i)], offsets_[index(i) + 1] - offsets_[index(i)]);
  }

  void look_at(NodeId i) {
    Row row{kNoLabel, kInfinity, kInfinity, 0};
    const auto costs = model_.costs(open_[index(i)]);
    for (std::size_t k = 0; k < costs.size(); ++k) {
      if (costs[k] < row.smallest) {
        row.second = row.smallest;
        row.smallest = costs[k];
        row.cheapest = static_cast<LabelId>(k);
      } else {
        row.second = std::min(row.second, costs[k]);
      }
    }
    for (const auto& arc : arcs(i))
      if (model_.is_edge_alive(arc.edge)) row.degree += model_.weight(arc.edge);
    rows_[index(i)] = row;
  }

  bool settle_with(LabelId k) {
    for (const NodeId i : nodes_) place_[index(i)] = kNoNode;
    nodes_.clear();
    for (NodeId i = 0; i < n_open(); ++i) advantage_[index(i)] = advantage(i, k);
    choose_nodes();
    if (nodes_.empty()) return false;
    build_flow();
    flow_.solve();
    return settle_source_side(k);
  }

  // What the cheapest other label costs above k: -infinity where k is not allowed. So it is, too, where only k is (such
  // a node is settled, or is detached by its own rule), and where no edges are left.
  double advantage(NodeId i, LabelId k) const {
    const Row& row = rows_[index(i)];
    if (!std::isfinite(row.second) || row.degree == 0) return -kInfinity;
    return (row.cheapest == k ? row.second : row.smallest) - model_.costs(open_[index(i)])[index(k)];
  }

  void choose_nodes() {
    for (NodeId i = 0; i < n_open(); ++i)
      if (advantage_[index(i)] > 0) choose(i);
    for (std::size_t next = 0; next < nodes_.size(); ++next)
      for (const auto& arc : arcs(nodes_[next]))
        if (place_[index(arc.to)] == kNoNode && advantage_[index(arc.to)] > -rows_[index(arc.to)].degree)
          choose(arc.to);
  }

  void choose(NodeId i) {
    place_[index(i)] = static_cast<NodeId>(nodes_.size());
    nodes_.push_back(i);
  }

  // Source side: takes k. Nodes that were not chosen do not.
  void build_flow() {
    flow_.clear(static_cast<NodeId>(nodes_.size()));
    edges_.clear();
    for (const NodeId i : nodes_) {
      double to_sink = std::max(-advantage_[index(i)], 0.0);
      for (const auto& arc : arcs(i)) {
        if (!model_.is_edge_alive(arc.edge)) continue;
        const Weight w = model_.weight(arc.edge);
        if (place_[index(arc.to)] == kNoNode) {
          to_sink += w;
        } else if (arc.side == 0) {
          flow_.add_edge(place_[index(i)], place_[index(arc.to)], w, w);
          edges_.push_back(arc.edge);
        }
      }
      flow_.add_terminal_weights(place_[index(i)], std::max(advantage_[index(i)], 0.0), to_sink);
    }
  }

  bool settle_source_side(LabelId k) {
    SettledNodes settled;
    std::vector<NodeId> changed;
    for (const NodeId i : nodes_) {
      if (!flow_.is_source_side(place_[index(i)])) continue;
      settled.nodes.push_back(open_[index(i)]);
      changed.push_back(i);
      for (const auto& arc : arcs(i)) changed.push_back(arc.to);
    }
    if (settled.nodes.empty()) return false;
    settled.labels.assign(settled.nodes.size(), k);
    for (std::size_t e = 0; e < edges_.size(); ++e) {
      const auto& edge = flow_.edges()[e];
      if (!flow_.is_source_side(edge.u) || !flow_.is_source_side(edge.v)) continue;
      settled.edges.push_back(edges_[e]);
      settled.messages.resize(settled.edges.size() * model_.n_labels(), 0.0);
      settled.messages[(settled.edges.size() - 1) * model_.n_labels() + index(k)] = flow_.flow_on(e);
    }
    model_.settle(settled);
    for (const NodeId i : changed) look_at(i);
    return true;
  }

  ReducedModel& model_;
  std::vector<NodeId> open_;
  std::vector<std::size_t> offsets_;
  std::vector<ReducedModel::Arc> arcs_;  // as they were at the start: settling only takes edges away
  std::vector<Row> rows_;
  std::vector<double> advantage_;    // of the label at hand
  std::vector<NodeId> place_;        // in nodes_, or kNoNode
  std::vector<NodeId> nodes_;        // of the flow
  std::vector<std::int32_t> edges_;  // the model's, by edge of the flow
  MaxFlow flow_;
};

}  // namespace

bool settle_by_isolating_cuts(ReducedModel& model) { return IsolatingCuts(model).settle(); }

}  // namespace liid_cut
