// Neighbour lists to the weighted graph of Eq. 10; see liid_cut/graph.hpp.
//
// Steps: one record per pair "v is among the nearest of u"; sort by pair; keep pairs seen from both ends (mutual) or
// from any (union); weight delta * |cos|.
#include <algorithm>
#include <cmath>
#include <sstream>
#include <stdexcept>
#include <tuple>

#include "liid_cut/graph.hpp"

namespace liid_cut {
namespace {

struct Neighbour {
  Edge edge;
  bool from_u;
  double cosine;
};

std::vector<Neighbour> read_rows(NodeId n_nodes, std::size_t n_neighbours, std::span<const std::int64_t> neighbours,
                                 std::span<const double> cosines) {
  std::vector<Neighbour> found;
  found.reserve(neighbours.size());
  for (std::size_t i = 0; i < neighbours.size(); ++i) {
    const auto u = static_cast<NodeId>(i / n_neighbours);
    const std::int64_t id = neighbours[i];
    if (id < 0 || id == u) continue;
    if (id >= n_nodes || !std::isfinite(cosines[i])) {
      std::ostringstream message;
      message << "neighbours[" << u << ", " << i % n_neighbours << "] is " << id << " with cosine " << cosines[i]
              << "; ids are 0 to " << n_nodes - 1 << " (negative: none) and cosines finite";
      throw std::invalid_argument(message.str());
    }
    const auto v = static_cast<NodeId>(id);
    found.push_back({{std::min(u, v), std::max(u, v)}, u < v, cosines[i]});
  }
  std::sort(found.begin(), found.end(), [](const Neighbour& a, const Neighbour& b) {
    return std::tuple(a.edge.u, a.edge.v, b.from_u, a.cosine) < std::tuple(b.edge.u, b.edge.v, a.from_u, b.cosine);
  });
  return found;
}

}  // namespace

Graph neighbour_graph(NodeId n_nodes, int n_neighbours, std::span<const std::int64_t> neighbours,
                      std::span<const double> cosines, Weight delta, Symmetrize symmetrize) {
  const auto k = static_cast<std::size_t>(std::max(n_neighbours, 0));
  if (neighbours.size() != static_cast<std::size_t>(n_nodes) * k || cosines.size() != neighbours.size())
    throw std::invalid_argument("neighbours and cosines must both have n_nodes * n_neighbours entries");
  if (!(std::isfinite(delta) && delta >= 0)) {
    std::ostringstream message;
    message << "delta is " << delta << "; it must be a finite number >= 0";
    throw std::invalid_argument(message.str());
  }

  const auto found = read_rows(n_nodes, k, neighbours, cosines);
  std::vector<Edge> edges;
  std::vector<Weight> weights;
  for (std::size_t i = 0; i < found.size();) {
    const Edge edge = found[i].edge;
    bool from_u = false;
    bool from_v = false;
    double cosine[2] = {0, 0};
    for (; i < found.size() && found[i].edge == edge; ++i) {  // a row that lists a node twice counts once
      (found[i].from_u ? from_u : from_v) = true;
      cosine[found[i].from_u ? 0 : 1] = found[i].cosine;
    }
    if (symmetrize == Symmetrize::mutual_neighbours && !(from_u && from_v)) continue;
    const double c = from_u && from_v ? 0.5 * (cosine[0] + cosine[1]) : cosine[from_u ? 0 : 1];
    edges.push_back(edge);
    weights.push_back(delta * std::abs(c));
  }
  return Graph::from_edges(n_nodes, std::move(edges), std::move(weights));
}

}  // namespace liid_cut
