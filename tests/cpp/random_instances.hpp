// Random problems: the same from a seed on every machine.
#pragma once

#include <cstdint>
#include <random>
#include <utility>
#include <vector>

#include "factories.hpp"

namespace liid_cut::test {

using Random = std::mt19937_64;

// The distributions of <random> differ between standard libraries; these do not.
inline double uniform(Random& random) { return static_cast<double>(random() >> 11) * 0x1p-53; }
inline int integer(Random& random, int from, int to) {
  return from + static_cast<int>(random() % static_cast<unsigned>(to - from + 1));
}

// A square grid with random terminal weights and weights of about their size: its LP takes a while and has a gap.
//
//   0 - 1 - 2
//   |   |   |
//   3 - 4 - 5   ...
inline Instance potts_grid(int side, LabelId n_labels, std::uint64_t seed) {
  Random random(seed);
  std::vector<Edge> edges;
  for (NodeId i = 0; i < side; ++i)
    for (NodeId j = 0; j < side; ++j) {
      if (j + 1 < side) edges.push_back({i * side + j, i * side + j + 1});
      if (i + 1 < side) edges.push_back({i * side + j, (i + 1) * side + j});
    }
  std::vector<Weight> weights;
  for (std::size_t e = 0; e < edges.size(); ++e) weights.push_back(uniform(random));
  std::vector<double> probs(static_cast<std::size_t>(side * side) * static_cast<std::size_t>(n_labels));
  for (double& p : probs) p = uniform(random);
  return make_instance(n_labels, std::move(probs), std::move(edges), std::move(weights));
}

// Triangles as above, each with labels of its own choice, linked to a tree by weak edges: every triangle has a gap of
// about .25, so that branch and bound grows a tree with about 2^n_triangles leaves.
//
//    0 - 1        3 - 4        6 - 7
//     \ /  \ link  \ /  \ link  \ /    ...   (a link starts at any node before and ends at any of the triangle)
//      2            5            8
inline Instance triangle_chain(int n_triangles, Weight link, Random& random) {
  std::vector<double> probs(static_cast<std::size_t>(9 * n_triangles), 0.0);
  std::vector<Edge> edges;
  std::vector<Weight> weights;
  for (NodeId first = 0; first < 3 * n_triangles; first += 3) {
    const int shift = integer(random, 0, 2);
    const int step = integer(random, 1, 2);
    for (NodeId a = 0; a < 3; ++a) {
      for (const int k : {shift + step * a, shift + step * (a + 1)})
        probs[static_cast<std::size_t>(3 * (first + a) + k % 3)] = 1;
      edges.push_back({first + a, first + (a + 1) % 3});
      weights.push_back(.5);
    }
    if (first == 0) continue;
    edges.push_back({integer(random, 0, first - 1), first + integer(random, 0, 2)});
    weights.push_back(link);
  }
  return make_instance(3, std::move(probs), std::move(edges), std::move(weights));
}

// A random graph of 1 to 7 nodes and 1 to 4 labels. By turns: numbers from a coarse grid, so that ties occur, or
// continuous; every label allowed, or about two in three.
inline Instance random_instance(std::uint64_t seed) {
  Random random(seed);
  const bool ties = seed % 2 == 0;
  const bool with_allowed = seed / 2 % 2 == 0;
  const bool hesitant = seed / 4 % 2 == 0;  // terminal weights 0 and 1 only
  const auto n = static_cast<NodeId>(integer(random, 1, 7));
  const auto n_labels = static_cast<LabelId>(integer(random, 1, 4));
  const auto number = [&] { return ties ? .25 * integer(random, 0, 4) : uniform(random); };

  std::vector<double> probs(static_cast<std::size_t>(n) * static_cast<std::size_t>(n_labels));
  for (double& p : probs) p = hesitant ? integer(random, 0, 1) : number();
  std::vector<Edge> edges;
  std::vector<Weight> weights;
  for (NodeId u = 0; u < n; ++u)
    for (NodeId v = u + 1; v < n; ++v)
      if (uniform(random) < .6) {
        edges.push_back({u, v});
        weights.push_back(number());
      }
  Instance instance = make_instance(n_labels, std::move(probs), std::move(edges), std::move(weights));
  if (with_allowed) {
    std::vector<int> allowed(instance.probs.size());
    for (int& a : allowed) a = integer(random, 0, 2) > 0 ? 1 : 0;
    for (NodeId u = 0; u < n; ++u)
      allowed[static_cast<std::size_t>(u * n_labels + integer(random, 0, n_labels - 1))] = 1;
    allow_only(instance, allowed);
  }
  return instance;
}

// One trial of a property test; every fifth is a pair of linked triangles, since random graphs seldom have a gap.
inline Instance trial(std::uint64_t seed) {
  if (seed % 5 != 4) return random_instance(seed);
  Random random(seed);
  const Weight coarse = .25 * integer(random, 1, 4);
  const Weight link = seed % 2 == 0 ? coarse : coarse * uniform(random);
  return triangle_chain(2, link, random);
}

}  // namespace liid_cut::test
