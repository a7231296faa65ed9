// Problems whose CKR relaxation has a gap, so that proofs branch, rule labels out and nest; and how often they do.
//
// Random graphs seldom have gaps: terminals that are linked in triangles or pentagons, Sperner's grids and grids of
// equal weights do.
#pragma once

#include "liid_cut/result.hpp"
#include "random_instances.hpp"

namespace liid_cut::test {

// Sperner's grid, its labels and their allowed nodes as drawn, with some terminal weights, and nodes hung on to it by
// one edge or two.
inline Instance sperner_with_company(Random& random) {
  const Instance grid = simplex_grid(integer(random, 2, 3));
  const auto n = static_cast<NodeId>(grid.n());
  const int n_more = integer(random, 0, 2);
  std::vector<double> probs = grid.probs;
  for (double& p : probs) p = integer(random, 0, 3) == 0 ? .25 * integer(random, 0, 2) : 0;
  std::vector<Edge> edges = edges_of(grid);
  std::vector<Weight> weights = weights_of(grid);
  std::vector<int> allowed(grid.allowed.get(), grid.allowed.get() + grid.probs.size());
  for (NodeId u = n; u < n + n_more; ++u) {
    for (int k = 0; k < 3; ++k) {
      probs.push_back(.5 * integer(random, 0, 2));
      allowed.push_back(1);
    }
    for (int i = integer(random, 1, 2); i > 0; --i) {
      edges.push_back({integer(random, 0, u - 1), u});
      weights.push_back(.25 * integer(random, 1, 4));
    }
  }
  Instance instance = make_instance(3, std::move(probs), std::move(edges), std::move(weights));
  allow_only(instance, allowed);
  return instance;
}

// A grid of equal weights whose nodes each hesitate between some labels.
inline Instance hesitant_grid(Random& random) {
  const Instance grid = potts_grid(3, 3, 1);
  std::vector<double> probs = grid.probs;
  for (double& p : probs) p = integer(random, 0, 2) > 0 ? 1 : 0;
  std::vector<Weight> weights(weights_of(grid).size(), .25 * integer(random, 1, 3));
  std::vector<Edge> edges = edges_of(grid);
  for (NodeId i = 0; i < 4; ++i) {  // a diagonal in each square: triangles
    const NodeId corner = i / 2 * 3 + i % 2;
    edges.push_back({corner, corner + 4});
    weights.push_back(weights[0]);
  }
  return make_instance(3, std::move(probs), std::move(edges), std::move(weights));
}

// A gap that cycles do not close: five nodes, every two joined, and node a may take labels a and a + 1 of five in a
// random order. Two pairs agree, at best, and eight edges are cut: 5 + 8 * .375 = 8. Copies are linked to a tree by
// weak edges, so that branch and bound needs some steps in each.
//
//   (0/1)  (1/2)  (2/3)  (3/4)  (4/0)
inline constexpr double kPentagonOptimum = 8;
inline Instance pentagon_chain(int n_pentagons, Weight link, Random& random) {
  std::vector<double> probs(static_cast<std::size_t>(25 * n_pentagons), 0.0);
  std::vector<int> allowed(probs.size(), 0);
  std::vector<Edge> edges;
  std::vector<Weight> weights;
  for (NodeId first = 0; first < 5 * n_pentagons; first += 5) {
    std::array<int, 5> label{0, 1, 2, 3, 4};
    for (std::size_t i = 5; i > 1; --i) std::swap(label[i - 1], label[random() % i]);
    for (NodeId a = 0; a < 5; ++a) {
      for (const int k : {label[static_cast<std::size_t>(a)], label[static_cast<std::size_t>((a + 1) % 5)]}) {
        probs[static_cast<std::size_t>(5 * (first + a) + k)] = 1;
        allowed[static_cast<std::size_t>(5 * (first + a) + k)] = 1;
      }
      for (NodeId b = a + 1; b < 5; ++b) {
        edges.push_back({first + a, first + b});
        weights.push_back(.375);
      }
    }
    if (first == 0) continue;
    edges.push_back({integer(random, 0, first - 1), first + integer(random, 0, 4)});
    weights.push_back(link);
  }
  Instance instance = make_instance(5, std::move(probs), std::move(edges), std::move(weights));
  allow_only(instance, allowed);
  return instance;
}
// One, whose nodes may take every label.
inline Instance pentagon() {
  Random random(1);
  Instance instance = pentagon_chain(1, 0, random);
  instance.allowed = nullptr;
  return instance;
}

// At most some 30,000 labellings.
inline Instance instance_with_gap(std::uint64_t seed) {
  Random random(seed);
  switch (seed % 6) {
    case 0: return triangle_chain(2, seed % 12 == 0 ? .25 : uniform(random), random);
    case 1: return sperner_with_company(random);
    case 2: return hesitant_grid(random);
    case 3: return pentagon_chain(integer(random, 1, 2), .125, random);
    case 4: return pentagon_chain(seed % 60 == 4 ? 3 : 2, .4 * uniform(random), random);
    default: return triangle_chain(3, .25 * integer(random, 1, 2), random);
  }
}

struct ProofSteps {
  int bound = 0;
  int branch = 0;
  int rule_out = 0;
  int cuts = 0;
  int deepest_part = 0;  // parts within parts
};

inline void count_steps(const std::vector<ProofPart>& parts, int depth, ProofSteps& steps);
inline void count_steps(const ProofNode& step, int depth, ProofSteps& steps) {
  ++(step.kind == ProofNode::Kind::bound    ? steps.bound
     : step.kind == ProofNode::Kind::branch ? steps.branch
                                            : steps.rule_out);
  steps.cuts += static_cast<int>(step.cuts.size());
  count_steps(step.parts, depth, steps);
  for (const ProofNode& child : step.children) count_steps(child, depth, steps);
}
inline void count_steps(const std::vector<ProofPart>& parts, int depth, ProofSteps& steps) {
  if (!parts.empty()) steps.deepest_part = std::max(steps.deepest_part, depth + 1);
  for (const ProofPart& part : parts)
    for (const ProofNode& step : part.proof) count_steps(step, depth + 1, steps);
}

}  // namespace liid_cut::test
