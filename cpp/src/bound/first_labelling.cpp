// See first_labelling.hpp.
#include "bound/first_labelling.hpp"

#include <algorithm>
#include <utility>

namespace liid_cut {
namespace {

// A move must gain more than rounding can feign, or two labels of equal cost could alternate for ever.
constexpr double kLeastGain = 1e-12;

// The label that is cheapest when all nodes share it; kNoLabel if none is allowed everywhere.
LabelId best_constant_label(const PottsModel& model) {
  std::vector<double> total(model.columns(), 0.0);
  for (NodeId u = 0; u < model.n_nodes; ++u)
    for (std::size_t k = 0; k < total.size(); ++k) total[k] += model.costs_of(u)[k];
  const auto best = std::min_element(total.begin(), total.end());
  return std::isfinite(*best) ? static_cast<LabelId>(best - total.begin()) : kNoLabel;
}

}  // namespace

void improve(const PottsModel& model, Labelling& labels) {
  std::vector<double> costs(model.columns());
  std::vector<char> unsure(labels.size(), 1);  // its surroundings changed since it was last looked at
  for (bool moved = true; moved;) {
    moved = false;
    for (NodeId u = 0; u < model.n_nodes; ++u) {
      if (std::exchange(unsure[static_cast<std::size_t>(u)], 0) == 0) continue;
      // Up to the constant sum of its edge weights: a label shared with a neighbour saves that edge.
      const auto unary = model.costs_of(u);
      std::copy(unary.begin(), unary.end(), costs.begin());
      for (const auto [v, e] : model.adjacency[u])
        costs[static_cast<std::size_t>(labels[static_cast<std::size_t>(v)])] -=
            model.weights[static_cast<std::size_t>(e)];
      LabelId& label = labels[static_cast<std::size_t>(u)];
      const auto best = std::min_element(costs.begin(), costs.end());
      const double now = costs[static_cast<std::size_t>(label)];
      if (*best < now - kLeastGain * std::max(1.0, std::abs(now))) {
        label = static_cast<LabelId>(best - costs.begin());
        moved = true;
        for (const auto [v, e] : model.adjacency[u]) unsure[static_cast<std::size_t>(v)] = 1;
      }
    }
  }
}

Labelling first_labelling(const PottsModel& model) {
  Labelling labels = cheapest_labels(model, model.unary);
  if (model.n_edges() == 0) return labels;
  improve(model, labels);
  if (const LabelId constant = best_constant_label(model); constant != kNoLabel) {
    Labelling other(labels.size(), constant);
    improve(model, other);
    if (cost_of(model, other) < cost_of(model, labels)) return other;
  }
  return labels;
}

}  // namespace liid_cut
