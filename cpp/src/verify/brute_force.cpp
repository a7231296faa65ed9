// See brute_force.hpp.
#include "verify/brute_force.hpp"

#include <limits>
#include <stdexcept>
#include <string>

namespace liid_cut {
namespace {

constexpr std::int64_t kStopCheckInterval = 4096;

std::vector<std::vector<LabelId>> allowed_labels(const PottsModel& model) {
  std::vector<std::vector<LabelId>> labels(static_cast<std::size_t>(model.n_nodes));
  for (NodeId u = 0; u < model.n_nodes; ++u)
    for (LabelId k = 0; k < model.n_labels; ++k)
      if (model.is_allowed(u, k)) labels[static_cast<std::size_t>(u)].push_back(k);
  return labels;
}

}  // namespace

Labelling brute_force(const PottsModel& model, std::int64_t limit, const StopSignal& stop) {
  const auto choices = allowed_labels(model);
  std::int64_t count = 1;
  for (const auto& labels : choices) {
    if (count > limit / static_cast<std::int64_t>(labels.size()))
      throw std::invalid_argument("method brute_force: a component of " + std::to_string(model.n_nodes) +
                                  " nodes has more than " + std::to_string(limit) +
                                  " labellings; use method auto or ckr");
    count *= static_cast<std::int64_t>(labels.size());
  }

  // Counts through the labellings like an odometer whose last node turns fastest.
  std::vector<std::size_t> digit(choices.size(), 0);
  Labelling labels;
  for (const auto& at_node : choices) labels.push_back(at_node.front());
  Labelling best = labels;
  double best_cost = std::numeric_limits<double>::infinity();
  for (std::int64_t i = 0; i < count; ++i) {
    if (i % kStopCheckInterval == 0 && stop.requested()) break;
    if (const double cost = cost_of(model, labels); cost < best_cost) {
      best_cost = cost;
      best = labels;
    }
    for (std::size_t u = choices.size(); u-- > 0;) {
      digit[u] = (digit[u] + 1) % choices[u].size();
      labels[u] = choices[u][digit[u]];
      if (digit[u] != 0) break;
    }
  }
  return best;
}

}  // namespace liid_cut
