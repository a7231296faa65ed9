// Models of random problems, and what tests of reductions and bounds hold them against.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <limits>
#include <span>
#include <vector>

#include "bound/dual_bound.hpp"
#include "checks.hpp"
#include "problem/potts_model.hpp"
#include "random_instances.hpp"
#include "verify/brute_force.hpp"

namespace liid_cut::test {

inline constexpr double kInfinity = std::numeric_limits<double>::infinity();

inline PottsModel model_of(const Instance& instance) { return whole_model(instance.problem()); }

// As a trial, but every other one has half of its edges the other way round, as kernels may have them.
inline PottsModel random_model(std::uint64_t seed) {
  const Instance instance = trial(seed);
  PottsModel model = model_of(instance);
  Random random(seed);
  if (integer(random, 0, 1) == 1)
    for (Edge& edge : model.edges)
      if (integer(random, 0, 1) == 1) std::swap(edge.u, edge.v);
  model.adjacency = Adjacency(model.n_nodes, model.edges);
  return model;
}

// Each node's label any that is left.
inline Labelling random_labelling(const PottsModel& model, Random& random) {
  Labelling labels;
  for (NodeId u = 0; u < model.n_nodes; ++u) {
    LabelId k = integer(random, 0, model.n_labels - 1);
    while (!model.is_allowed(u, k)) k = (k + 1) % model.n_labels;
    labels.push_back(k);
  }
  return labels;
}

// Messages whose spread on each edge is at most its weight, at any offset.
inline std::vector<double> feasible_messages(const PottsModel& model, Random& random) {
  std::vector<double> messages;
  for (const Weight w : model.weights) {
    const double offset = 4 * uniform(random) - 2;
    const bool extreme = integer(random, 0, 1) == 1;  // 0 or w, as the vertices of the dual have them
    for (LabelId k = 0; k < model.n_labels; ++k)
      messages.push_back(extreme ? w * integer(random, 0, 1) : offset + w * uniform(random));
  }
  return messages;
}

inline void check_feasible(const PottsModel& model, std::span<const double> messages) {
  REQUIRE(messages.size() == model.n_edges() * model.columns());
  for (std::size_t e = 0; e < model.n_edges(); ++e) {
    const auto y = messages.subspan(e * model.columns(), model.columns());
    for (const double m : y) REQUIRE(std::isfinite(m));
    const auto [least, most] = std::minmax_element(y.begin(), y.end());
    CHECK(*most - *least <= model.weights[e] + 1e-12);
  }
}

inline Labelling cheapest_labelling(const PottsModel& model) {
  return brute_force(model, std::int64_t{1} << 22, StopSignal(kInfinity));
}
inline double optimal_cost(const PottsModel& model) { return cost_of(model, cheapest_labelling(model)); }

}  // namespace liid_cut::test
