// Rule: a node with a single label k left keeps none of its edges; a neighbour pays the edge's weight for every label
// but k.
//
// Why an optimum survives: nothing is decided, the cost of the edge is only written down elsewhere. Messages lift to
// what the neighbour pays; they spread by the weight of the edge.
#include <algorithm>
#include <cmath>

#include "reduce/rules.hpp"

namespace liid_cut {

bool detach_decided_node(ReducedModel& model, NodeId u) {
  if (model.arcs(u).empty()) return false;
  const auto costs = model.costs(u);
  const auto finite = [](double c) { return std::isfinite(c); };
  if (std::count_if(costs.begin(), costs.end(), finite) != 1) return false;
  model.detach_decided(u, static_cast<LabelId>(std::find_if(costs.begin(), costs.end(), finite) - costs.begin()));
  return true;
}

}  // namespace liid_cut
