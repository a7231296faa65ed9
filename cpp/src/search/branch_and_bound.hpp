// Branch and bound on the CKR relaxation: closes the components whose LP is fractional.
//
// Best bound first. A node of the tree rules out labels; its bound is that of the LP without them. Branching splits on
// the most fractional proposal u and its likeliest label k: "u takes k" against "u does not take k" (LIID, section 5.3,
// leaves this step to CPLEX). Every LP solution is rounded and improved to a labelling.
#pragma once

#include "lp/highs_session.hpp"
#include "search/component_cut.hpp"
#include "util/stop.hpp"

namespace liid_cut {

// Continues from `root`, the LP solution of the unrestricted model in `session`, until `cut` is closed or `stop` says
// so.
void branch_and_bound(const PottsModel& model, HighsSession& session, const LpSolution& root, const Settings& settings,
                      const StopSignal& stop, std::span<const LabelId> debug_labels, ComponentCut& cut);

// The labelling nearest to an LP solution: each node's largest x, lower labels first, improved by local search.
Labelling round(const PottsModel& model, std::span<const double> x);

}  // namespace liid_cut
