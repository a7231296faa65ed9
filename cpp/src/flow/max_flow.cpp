// See max_flow.hpp.
#include "flow/max_flow.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "util/assert.hpp"
#include "util/sum.hpp"

namespace liid_cut {

void MaxFlow::clear(NodeId n_nodes) {
  terminals_.assign(static_cast<std::size_t>(n_nodes), {0.0, 0.0});
  edges_.clear();
}

void MaxFlow::add_terminal_weights(NodeId u, double from_source, double to_sink) {
  LIID_HEAVY_ASSERT(0 <= u && u < n_nodes(), "no such node");
  LIID_HEAVY_ASSERT(from_source >= 0 && to_sink >= 0 && std::isfinite(from_source + to_sink), "not a capacity");
  terminals_[static_cast<Index>(u)].from_source += from_source;
  terminals_[static_cast<Index>(u)].to_sink += to_sink;
}

void MaxFlow::add_edge(NodeId u, NodeId v, double capacity, double reverse_capacity) {
  LIID_HEAVY_ASSERT(0 <= u && u < n_nodes() && 0 <= v && v < n_nodes() && u != v, "no such edge");
  LIID_HEAVY_ASSERT(capacity >= 0 && reverse_capacity >= 0 && std::isfinite(capacity + reverse_capacity),
                    "not a capacity");
  edges_.push_back({u, v, capacity, reverse_capacity});
}

double MaxFlow::flow_on(std::size_t e) const { return edges_[e].capacity - arcs_[arc_of_[e]].residual; }

double MaxFlow::flow_from_terminals(NodeId u) const {
  const auto [from_source, to_sink] = terminals_[static_cast<Index>(u)];
  return from_source - to_sink - nodes_[static_cast<Index>(u)].excess;
}

double MaxFlow::solve() {
  build_arcs();
  start_trees();
  // In turns: the smaller level first was 3 times slower on large grids, where it made one tree very deep. A sink tree
  // that can grow no more can be met no more; the source tree grows on until it is the minimal source set.
  while (!active_[kSource].empty()) {
    if (active_[kSink].empty() || depth_[kSource] <= depth_[kSink])
      grow<kSource>();
    else
      grow<kSink>();
  }

  Sum value;
  for (const auto [from_source, to_sink] : terminals_) value += std::min(from_source, to_sink);
  for (NodeId u = 0; u < n_nodes(); ++u) value += std::max(0.0, flow_from_terminals(u));
  LIID_HEAVY_ASSERT(is_max_flow(*this, value.value()), "the flow is not maximum");
  return value.value();
}

void MaxFlow::build_arcs() {
  nodes_.assign(terminals_.size() + 1, {0.0, 0, 0, kNone, 0});
  for (const TwoWayEdge& edge : edges_) {
    ++nodes_[static_cast<Index>(edge.u)].first_arc;
    ++nodes_[static_cast<Index>(edge.v)].first_arc;
  }
  Index end = 0;
  for (Node& node : nodes_) {
    node.current_arc = end;
    end += std::exchange(node.first_arc, end);
  }
  arcs_.resize(2 * edges_.size());
  arc_of_.resize(edges_.size());
  for (std::size_t e = 0; e < edges_.size(); ++e) {
    const auto u = static_cast<Index>(edges_[e].u);
    const auto v = static_cast<Index>(edges_[e].v);
    const Index a = nodes_[u].current_arc++;  // as the next free place, until the search starts
    const Index b = nodes_[v].current_arc++;
    arcs_[a] = {v, b, edges_[e].capacity};
    arcs_[b] = {u, a, edges_[e].reverse_capacity};
    arc_of_[e] = a;
  }
}

void MaxFlow::start_trees() {
  depth_ = {1, 1};
  for (auto& nodes : active_) nodes.clear();
  for (Index u = 0; u < terminals_.size(); ++u) {
    Node& node = nodes_[u];
    node.current_arc = node.first_arc;
    node.excess = terminals_[u].from_source - terminals_[u].to_sink;
    if (node.excess == 0) continue;
    node.parent_arc = kTerminal;
    node.level = node.excess > 0 ? 1 : -1;
    active_[node.excess > 0 ? kSource : kSink].push_back(u);
  }
}

// Adds one level. Nodes that leave the deepest level while it is scanned are skipped in scan().
template <MaxFlow::Tree tree>
void MaxFlow::grow() {
  frontier_.swap(active_[tree]);
  active_[tree].clear();
  ++depth_[tree];
  for (const Index u : frontier_) scan<tree>(u);
}

template <MaxFlow::Tree tree>
void MaxFlow::scan(Index u) {
  const std::int32_t depth = depth_[tree];
  Index a = nodes_[u].first_arc;
  while (a < nodes_[u + 1].first_arc && level_of<tree>(u) == depth - 1) {
    const Index v = arcs_[a].head;
    if (level_of<tree>(v) > 0 || !(outward<tree>(a) > 0)) {
      ++a;
    } else if (nodes_[v].level != 0) {
      augment(tree == kSource ? a : arcs_[a].sister);  // and look at the same arc again: v may have become free
    } else {
      set_level<tree>(v, depth);
      nodes_[v].parent_arc = arcs_[a].sister;
      nodes_[v].current_arc = nodes_[v].first_arc;
      active_[tree].push_back(v);
      ++a;
    }
  }
}

// source_arc leads from the source tree to the sink tree.
void MaxFlow::augment(Index source_arc) {
  const Index u = arcs_[arcs_[source_arc].sister].head;
  const Index v = arcs_[source_arc].head;
  const double amount = bottleneck<kSink>(v, bottleneck<kSource>(u, arcs_[source_arc].residual));
  arcs_[source_arc].residual -= amount;
  arcs_[arcs_[source_arc].sister].residual += amount;
  push<kSource>(u, amount);
  adopt_orphans<kSource>();
  push<kSink>(v, amount);
  adopt_orphans<kSink>();
}

template <MaxFlow::Tree tree>
double MaxFlow::bottleneck(Index u, double amount) const {
  while (nodes_[u].parent_arc != kTerminal) {
    amount = std::min(amount, inward<tree>(nodes_[u].parent_arc));
    u = arcs_[nodes_[u].parent_arc].head;
  }
  return std::min(amount, std::abs(nodes_[u].excess));
}

template <MaxFlow::Tree tree>
void MaxFlow::push(Index u, double amount) {
  while (nodes_[u].parent_arc != kTerminal) {
    const Index a = nodes_[u].parent_arc;
    Arc& filled = arcs_[tree == kSource ? arcs_[a].sister : a];
    filled.residual -= amount;
    arcs_[filled.sister].residual += amount;
    if (filled.residual == 0) {
      nodes_[u].parent_arc = kNone;
      orphans_.push_back(u);
    }
    u = arcs_[a].head;
  }
  nodes_[u].excess -= tree == kSource ? amount : -amount;
  if (nodes_[u].excess == 0) {
    nodes_[u].parent_arc = kNone;
    orphans_.push_back(u);
  }
}

// Nearest to the root first: what an orphan then finds at the level above it is mostly settled.
template <MaxFlow::Tree tree>
void MaxFlow::adopt_orphans() {
  std::reverse(orphans_.begin(), orphans_.end());
  for (std::size_t i = 0; i < orphans_.size(); ++i)
    if (!adopt_at_level<tree>(orphans_[i])) relabel<tree>(orphans_[i]);
  orphans_.clear();
}

template <MaxFlow::Tree tree>
bool MaxFlow::adopt_at_level(Index u) {
  Node& node = nodes_[u];
  const std::int32_t above = level_of<tree>(u) - 1;
  if (above == 0) return false;  // a root whose terminal edge is saturated
  for (Index a = node.current_arc; a < nodes_[u + 1].first_arc; ++a)
    if (level_of<tree>(arcs_[a].head) == above && inward<tree>(a) > 0) {
      node.parent_arc = node.current_arc = a;
      return true;
    }
  return false;
}

// The nearest level at which u has a possible parent; u's children cannot follow and become orphans.
template <MaxFlow::Tree tree>
void MaxFlow::relabel(Index u) {
  std::int32_t above = depth_[tree];
  Index parent_arc = kNone;
  for (Index a = nodes_[u].first_arc; a < nodes_[u + 1].first_arc; ++a) {
    const Index v = arcs_[a].head;
    const std::int32_t level = level_of<tree>(v);
    if (level <= 0) continue;
    if (nodes_[v].parent_arc == arcs_[a].sister) {
      nodes_[v].parent_arc = kNone;
      orphans_.push_back(v);
    }
    if (level < above && inward<tree>(a) > 0) {
      above = level;
      parent_arc = a;
    }
  }
  nodes_[u].parent_arc = nodes_[u].current_arc = parent_arc;
  set_level<tree>(u, parent_arc == kNone ? 0 : above + 1);
  if (parent_arc != kNone && above + 1 == depth_[tree]) active_[tree].push_back(u);
}

bool is_max_flow(const MaxFlow& flow, double value) {
  constexpr double kRounding = 1e-9;  // see max_flow.hpp
  const auto n = static_cast<std::size_t>(flow.n_nodes());
  std::vector<Sum> surplus(n);
  std::vector<double> capacity(n, 0.0);
  Sum cut;
  for (NodeId u = 0; u < flow.n_nodes(); ++u) {
    const auto i = static_cast<std::size_t>(u);
    const auto [from_source, to_sink] = flow.terminals()[i];
    const double amount = flow.flow_from_terminals(u);
    const double slack = kRounding * (from_source + to_sink);
    if (!(-to_sink - slack <= amount && amount <= from_source + slack)) return false;
    capacity[i] = from_source + to_sink;
    surplus[i] += amount;
    cut += flow.is_source_side(u) ? to_sink : from_source;
  }
  for (std::size_t e = 0; e < flow.edges().size(); ++e) {
    const auto [u, v, forward, backward] = flow.edges()[e];
    const auto i = static_cast<std::size_t>(u);
    const auto j = static_cast<std::size_t>(v);
    const double amount = flow.flow_on(e);
    const double slack = kRounding * (forward + backward);
    if (!(-backward - slack <= amount && amount <= forward + slack)) return false;
    capacity[i] += forward + backward;
    capacity[j] += forward + backward;
    surplus[i] += -amount;
    surplus[j] += amount;
    if (flow.is_source_side(u) != flow.is_source_side(v)) cut += flow.is_source_side(u) ? forward : backward;
  }
  double largest = value;  // a small flow through large capacities rounds as they do
  for (std::size_t i = 0; i < n; ++i) {
    if (!(std::abs(surplus[i].value()) <= kRounding * capacity[i])) return false;
    largest = std::max(largest, capacity[i]);
  }
  return std::abs(cut.value() - value) <= kRounding * largest;
}

}  // namespace liid_cut
