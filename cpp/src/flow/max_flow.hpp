// Maximum flow and minimum cut between two terminals, on sparse graphs with double capacities.
//
//   a cut S (a set of nodes on the source's side) pays   sum_{u not in S} from_source[u] + sum_{u in S} to_sink[u]
//                                                        + sum of capacity(u, v) over u in S, v not in S
//
// Incremental breadth-first search (Goldberg, Hed, Kaplan, Tarjan, Werneck, "Maximum flows by incremental breadth-first
// search", ESA 2011): a breadth-first tree grows from either terminal, one level at a time; where the trees meet, the
// path is augmented; a node whose tree edge is saturated looks for a new parent at its level, or sinks to a deeper one.
//
// Against push-relabel (first in, first out; global relabelling) it was 2 to 4 times faster where most flow is local,
// and about twice slower on grids with weak terminals, whose flows go far.
//
// Rounding. The search compares residual capacities with 0 and with nothing else, without a tolerance. Every
// augmentation saturates an edge to exactly 0 (x - x), and the bound on their number, O(nodes * edges), rests on levels
// that only increase, not on amounts: it ends whatever rounding does. What rounds are the amounts: a residual capacity
// is off by at most half a unit in the last place of the capacity per augmentation. So the flow's value and the cut's
// may differ by that much (is_max_flow allows 1e-9 of the value or of a node's capacities), and so may the minimal
// source set hold a node too many, or one too few, where two cuts are that close. Whoever acts on the set must check
// what is gained by it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "liid_cut/types.hpp"

namespace liid_cut {

class MaxFlow {
 public:
  struct Terminals {
    double from_source;
    double to_sink;
  };
  struct TwoWayEdge {
    NodeId u;
    NodeId v;
    double capacity;          // of u -> v
    double reverse_capacity;  // of v -> u
  };

  explicit MaxFlow(NodeId n_nodes = 0) { clear(n_nodes); }

  // Forgets everything but its memory.
  void clear(NodeId n_nodes);

  // Capacities are finite and >= 0; the weights of a node add up. Precondition: not solved yet.
  void add_terminal_weights(NodeId u, double from_source, double to_sink);
  // Parallel edges are allowed, loops are not. Precondition: fewer than 2^31 edges, not solved yet.
  void add_edge(NodeId u, NodeId v, double capacity, double reverse_capacity);

  // The maximum flow's value. Once per graph. O(nodes^2 * edges) at worst.
  double solve();

  // After solve(): whether u is in the minimal source set, the nodes that the source reaches in the residual graph.
  bool is_source_side(NodeId u) const { return nodes_[static_cast<Index>(u)].level > 0; }

  // What went in and, after solve(), what flows: for is_max_flow.
  NodeId n_nodes() const { return static_cast<NodeId>(terminals_.size()); }
  std::span<const Terminals> terminals() const { return terminals_; }
  std::span<const TwoWayEdge> edges() const { return edges_; }
  double flow_on(std::size_t e) const;         // net, from edges()[e].u to edges()[e].v
  double flow_from_terminals(NodeId u) const;  // from the source into u, less what u sends to the sink

 private:
  using Index = std::uint32_t;
  static constexpr Index kNone = 0xffffffff;      // no parent: free, or an orphan
  static constexpr Index kTerminal = 0xfffffffe;  // the parent of a root
  enum Tree : int { kSource = 0, kSink = 1 };

  // An edge as one of its ends sees it.
  struct Arc {
    Index head;
    Index sister;  // the same edge, seen from the head
    double residual;
  };
  struct Node {
    double excess;      // residual capacity from the source if positive, to the sink if negative
    Index first_arc;    // its arcs end where the next node's begin
    Index current_arc;  // no arc before it leads to a possible parent at the level above
    Index parent_arc;
    std::int32_t level;  // in the source tree > 0, in the sink tree < 0, free 0; roots are at 1 and -1
  };

  void build_arcs();
  void start_trees();
  template <Tree tree>
  void grow();
  template <Tree tree>
  void scan(Index u);
  void augment(Index source_arc);
  template <Tree tree>
  double bottleneck(Index u, double amount) const;
  template <Tree tree>
  void push(Index u, double amount);
  template <Tree tree>
  void adopt_orphans();
  template <Tree tree>
  bool adopt_at_level(Index u);
  template <Tree tree>
  void relabel(Index u);

  // Seen from the tree: a node's level, and the residual capacity of an arc along the tree's growth or against it.
  template <Tree tree>
  std::int32_t level_of(Index u) const {
    return tree == kSource ? nodes_[u].level : -nodes_[u].level;
  }
  template <Tree tree>
  void set_level(Index u, std::int32_t level) {
    nodes_[u].level = tree == kSource ? level : -level;
  }
  template <Tree tree>
  double outward(Index a) const {
    return arcs_[tree == kSource ? a : arcs_[a].sister].residual;
  }
  template <Tree tree>
  double inward(Index a) const {
    return outward<tree == kSource ? kSink : kSource>(a);
  }

  std::vector<Terminals> terminals_;
  std::vector<TwoWayEdge> edges_;
  std::vector<Node> nodes_;                   // and one more, for the end of the last node's arcs
  std::vector<Arc> arcs_;                     // by tail, then as the edges were added
  std::vector<Index> arc_of_;                 // by edge: its arc at u
  std::array<std::vector<Index>, 2> active_;  // by tree: nodes at the deepest level, still to scan
  std::array<std::int32_t, 2> depth_;         // by tree: the deepest level that a node may have
  std::vector<Index> frontier_;
  std::vector<Index> orphans_;
};

// Checks the certificate of a solved flow, up to rounding: no capacity is exceeded, what enters a node leaves it, and
// the source's side is a cut whose capacity is `value`.
bool is_max_flow(const MaxFlow& flow, double value);

}  // namespace liid_cut
