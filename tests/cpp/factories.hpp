// Small problems, each with a drawing and with its optimum; random ones are in random_instances.hpp.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "liid_cut/problem.hpp"

namespace liid_cut::test {

// A problem that owns its arrays.
struct Instance {
  Graph graph;
  LabelId n_labels = 0;
  std::vector<double> probs;                  // n_nodes x n_labels
  std::shared_ptr<bool[]> allowed = nullptr;  // n_nodes x n_labels; null: every label

  std::size_t n() const { return static_cast<std::size_t>(graph.n_nodes()); }
  std::size_t columns() const { return static_cast<std::size_t>(n_labels); }
  MatrixView matrix() const& { return {probs, n(), columns()}; }
  Problem problem() const& {
    return {graph, matrix(), allowed ? std::span<const bool>(allowed.get(), probs.size()) : std::span<const bool>{}};
  }
  Problem problem() const&& = delete;  // would look at arrays that are gone
};

inline Instance make_instance(LabelId n_labels, std::vector<double> probs, std::vector<Edge> edges,
                              std::vector<Weight> weights) {
  const auto n_nodes = static_cast<NodeId>(probs.size() / static_cast<std::size_t>(n_labels));
  return {Graph::from_edges(n_nodes, std::move(edges), std::move(weights)), n_labels, std::move(probs)};
}

inline std::vector<Edge> edges_of(const Instance& instance) {
  return {instance.graph.edges().begin(), instance.graph.edges().end()};
}
inline std::vector<Weight> weights_of(const Instance& instance) {
  return {instance.graph.weights().begin(), instance.graph.weights().end()};
}

inline void allow_only(Instance& instance, const std::vector<int>& allowed) {
  instance.allowed = std::make_shared<bool[]>(allowed.size());
  for (std::size_t i = 0; i < allowed.size(); ++i) instance.allowed[i] = allowed[i] != 0;
}

// Ends that want different labels, undecided nodes between them. The best cut removes one edge and, at each inner
// node, the terminal edge that it must lose: 1.3.
//
//   (1, 0)     (.5, .5)     (.5, .5)     (0, 1)
//     0 --- .3 --- 1 --- .3 --- 2 --- .3 --- 3
inline Instance path() {
  return make_instance(2, {1, 0, .5, .5, .5, .5, 0, 1}, {{0, 1}, {1, 2}, {2, 3}}, {.3, .3, .3});
}

// Three decided leaves around an indifferent centre. The centre joins one leaf and loses two edges: 1.
//
//             1 (1, 0, 0)
//             |
//             .5
//             |
//    2 -- .5 -- 0 -- .5 -- 3
//   (0, 1, 0)          (0, 0, 1)
inline Instance star() {
  return make_instance(3, {0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1}, {{0, 1}, {0, 2}, {0, 3}}, {.5, .5, .5});
}

// The smallest gap between the CKR relaxation and the cut: each node hesitates between two of three labels.
//
//   (1, 1, 0)  0 --- .5 --- 1  (0, 1, 1)      LP: x = p / 2 loses 3 * 1 at the terminals and 3 * .5 / 2 on the edges,
//               \          /                      3.75, and the certificate of an LP solver proves it.
//               .5       .5                   Optimum: 4, by one label for all (1 + 1 + 2) or a cut of two edges
//                 \      /                        (3 + 2 * .5).
//                  2                          Zero messages: 3.
//              (1, 0, 1)
inline constexpr double kTriangleLp = 3.75;
inline constexpr double kTriangleOptimum = 4;
inline constexpr double kTriangleZeroBound = 3;
inline Instance triangle() {
  return make_instance(3, {1, 1, 0, 0, 1, 1, 1, 0, 1}, {{0, 1}, {1, 2}, {0, 2}}, {.5, .5, .5});
}

// Three components, two of them with a gap; their nodes interleave so that local and global ids differ.
//
//   triangle on 0, 2, 5      node 3 alone, (0, .25, 0)      triangle on 1, 4, 6
inline Instance two_triangles() {
  return make_instance(3, {1, 1, 0, 1, 1, 0, 0, 1, 1, 0, .25, 0, 0, 1, 1, 1, 0, 1, 1, 0, 1},  //
                       {{0, 2}, {2, 5}, {0, 5}, {1, 4}, {4, 6}, {1, 6}}, {.5, .5, .5, .5, .5, .5});
}

// A Sperner labelling: the triangulated simplex of side N, unit weights, no terminal weights, and label k not allowed
// on the side opposite to corner k.
//
//               0              LP: x = barycentric coordinates. Each of the 3 N (N + 1) / 2 edges costs 1 / N:
//              / \                 3 (N + 1) / 2.
//            0/1 - 0/2         Optimum: label 0 wherever it is allowed, which cuts the side opposite to corner 0 off
//            / \  / \              by 2 N edges, and cuts one edge of that side: 2 N + 1.
//           1 - 1/2 - 2            (N = 2 is drawn; the slashes list the labels that are allowed)
inline Instance simplex_grid(int side) {
  std::vector<std::array<int, 3>> points;
  for (int i = 0; i <= side; ++i)
    for (int j = 0; i + j <= side; ++j) points.push_back({i, j, side - i - j});
  std::vector<Edge> edges;
  std::vector<int> allowed;
  for (std::size_t a = 0; a < points.size(); ++a) {
    for (std::size_t k = 0; k < 3; ++k) allowed.push_back(points[a][k] > 0 ? 1 : 0);
    for (std::size_t b = a + 1; b < points.size(); ++b) {
      int distance = 0;
      for (std::size_t k = 0; k < 3; ++k) distance += std::abs(points[a][k] - points[b][k]);
      if (distance == 2) edges.push_back({static_cast<NodeId>(a), static_cast<NodeId>(b)});
    }
  }
  const std::size_t n_edges = edges.size();
  Instance instance = make_instance(3, std::vector<double>(3 * points.size(), 0.0), std::move(edges),
                                    std::vector<Weight>(n_edges, 1.0));
  allow_only(instance, allowed);
  return instance;
}

// The instances side by side, as components of one; all must have the same labels, and none `allowed`.
inline Instance side_by_side(std::span<const Instance> parts) {
  std::vector<double> probs;
  std::vector<Edge> edges;
  std::vector<Weight> weights;
  NodeId first = 0;
  for (const Instance& part : parts) {
    probs.insert(probs.end(), part.probs.begin(), part.probs.end());
    for (const Edge& edge : part.graph.edges()) edges.push_back({edge.u + first, edge.v + first});
    weights.insert(weights.end(), part.graph.weights().begin(), part.graph.weights().end());
    first += part.graph.n_nodes();
  }
  return make_instance(parts[0].n_labels, std::move(probs), std::move(edges), std::move(weights));
}

}  // namespace liid_cut::test
