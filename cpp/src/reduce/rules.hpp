// The reduction rules, cheapest first; each in a file of its own with its theorem. A rule looks at one node, or at all,
// changes the model if it can, and says whether it did. All of them respect labels that are not allowed (costs of
// +infinity).
#pragma once

#include "reduce/reduced_model.hpp"

namespace liid_cut {

bool eliminate_labels(ReducedModel& model, NodeId u);
bool detach_decided_node(ReducedModel& model, NodeId u);
bool eliminate_leaf(ReducedModel& model, NodeId u);
bool contract_heavy_edge(ReducedModel& model, NodeId u);
bool settle_by_isolating_cuts(ReducedModel& model);

}  // namespace liid_cut
