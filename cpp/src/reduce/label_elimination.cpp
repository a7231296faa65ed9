// Rule: a label k leaves node u when  c[u,k] - min_j c[u,j] >= weighted degree of u.
//
// Why an optimum survives: moving u from k to its cheapest label saves at least the weighted degree and can newly cut
// edges of at most that weight (dead-end elimination: Desmet et al., Nature 356, 1992; Goldstein 1994).
// Why messages lift unchanged: messages of u's edges differ by at most the weighted degree between two labels, so k
// never undercuts the cheapest label.
#include <algorithm>
#include <cmath>

#include "reduce/rules.hpp"

namespace liid_cut {

bool eliminate_labels(ReducedModel& model, NodeId u) {
  const auto costs = model.costs(u);
  const auto cheapest = std::min_element(costs.begin(), costs.end());
  const double limit = *cheapest + model.weighted_degree(u);
  bool changed = false;
  for (std::size_t k = 0; k < costs.size(); ++k) {
    if (!std::isfinite(costs[k]) || costs[k] < limit || &costs[k] == &*cheapest) continue;
    model.remove_label(u, static_cast<LabelId>(k));
    changed = true;
  }
  return changed;
}

}  // namespace liid_cut
