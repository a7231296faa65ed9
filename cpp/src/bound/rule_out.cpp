// See rule_out.hpp.
#include "bound/rule_out.hpp"

#include <algorithm>

#include "bound/dual_bound.hpp"

namespace liid_cut {

RuledOut labels_to_rule_out(const PottsModel& model, std::span<const double> unary, std::span<const double> messages,
                            double target, std::span<const LabelId> keep) {
  const std::vector<double> costs = reparametrised(model, unary, messages);
  const double bound = sum_of_minima(model, costs);
  RuledOut result;
  for (NodeId u = 0; u < model.n_nodes; ++u) {
    const auto row = std::span(costs).subspan(model.index(u, 0), model.columns());
    const double smallest = *std::min_element(row.begin(), row.end());
    for (LabelId k = 0; k < model.n_labels; ++k) {
      const double c = row[static_cast<std::size_t>(k)];
      const bool is_kept = !keep.empty() && keep[static_cast<std::size_t>(u)] == k;
      const double bound_with_k = bound + (c - smallest);
      if (!std::isfinite(c) || is_kept || bound_with_k < target) continue;
      result.labels.emplace_back(u, k);
      result.bound = std::min(result.bound, bound_with_k);
    }
  }
  return result;
}

}  // namespace liid_cut
