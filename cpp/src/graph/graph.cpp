// Edge lists to canonical graphs and CSR rows; see liid_cut/graph.hpp.
#include "liid_cut/graph.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <sstream>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>

namespace liid_cut {
namespace {

[[noreturn]] void reject_edge(std::size_t e, const Edge& edge, const std::string& why) {
  std::ostringstream message;
  message << "graph: edge " << e << " is (" << edge.u << ", " << edge.v << "); " << why;
  throw std::invalid_argument(message.str());
}

void check_edge(std::size_t e, const Edge& edge, Weight w, NodeId n_nodes) {
  if (edge.u < 0 || edge.v < 0 || edge.u >= n_nodes || edge.v >= n_nodes)
    reject_edge(e, edge, "both ends must be 0 to " + std::to_string(n_nodes - 1));
  if (edge.u == edge.v) reject_edge(e, edge, "self-loops are not allowed");
  if (!(std::isfinite(w) && w >= 0)) {
    std::ostringstream message;
    message << "graph: weight of edge " << e << " (" << edge.u << ", " << edge.v << ") is " << w
            << "; every weight must be a finite number >= 0";
    throw std::invalid_argument(message.str());
  }
}

}  // namespace

Adjacency::Adjacency(NodeId n_nodes, std::span<const Edge> edges)
    : offsets_(static_cast<std::size_t>(n_nodes) + 1), incidences_(2 * edges.size()) {
  for (const Edge& edge : edges) {
    ++offsets_[static_cast<std::size_t>(edge.u) + 1];
    ++offsets_[static_cast<std::size_t>(edge.v) + 1];
  }
  std::partial_sum(offsets_.begin(), offsets_.end(), offsets_.begin());
  std::vector<std::size_t> next(offsets_.begin(), offsets_.end() - 1);
  for (std::size_t e = 0; e < edges.size(); ++e) {
    const auto [u, v] = edges[e];
    incidences_[next[static_cast<std::size_t>(u)]++] = {v, static_cast<EdgeId>(e)};
    incidences_[next[static_cast<std::size_t>(v)]++] = {u, static_cast<EdgeId>(e)};
  }
}

Graph Graph::from_edges(NodeId n_nodes, std::vector<Edge> edges, std::vector<Weight> weights) {
  if (edges.size() != weights.size())
    throw std::invalid_argument("graph: " + std::to_string(edges.size()) + " edges but " +
                                std::to_string(weights.size()) + " weights; every edge needs one");
  if (n_nodes < 0) throw std::invalid_argument("graph: n_nodes is " + std::to_string(n_nodes) + "; it must be >= 0");
  for (std::size_t e = 0; e < edges.size(); ++e) {
    check_edge(e, edges[e], weights[e], n_nodes);
    if (edges[e].u > edges[e].v) std::swap(edges[e].u, edges[e].v);
  }

  // By weight within parallel edges, so that their sum does not depend on the order of the input.
  std::vector<std::size_t> order(edges.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto before = [&](std::size_t a, std::size_t b) {
    return std::tuple(edges[a].u, edges[a].v, weights[a]) < std::tuple(edges[b].u, edges[b].v, weights[b]);
  };
  if (!std::is_sorted(order.begin(), order.end(), before)) std::sort(order.begin(), order.end(), before);

  Graph graph;
  graph.n_nodes_ = n_nodes;
  for (std::size_t i = 0; i < order.size();) {
    const Edge edge = edges[order[i]];
    Weight w = 0;
    for (; i < order.size() && edges[order[i]] == edge; ++i) w += weights[order[i]];
    if (!std::isfinite(w)) reject_edge(order[i - 1], edge, "its parallel edges weigh more than a double can hold");
    if (w == 0) continue;
    graph.edges_.push_back(edge);
    graph.weights_.push_back(w);
  }
  return graph;
}

}  // namespace liid_cut
