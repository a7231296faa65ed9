// Branch and bound on the CKR relaxation: closes the models whose LP is fractional.
//
// Best bound first. A node of the tree rules out labels; its bound is that of the LP without them, and its duals rule
// out more (rule_out.hpp). Branching splits on the most fractional proposal u and its likeliest label k: "u takes k"
// against "u does not take k" (LIID, section 5.3, leaves this step to CPLEX). Every LP solution is rounded to a
// labelling.
#pragma once

#include "search/context.hpp"
#include "search/model_cut.hpp"

namespace liid_cut {

// Solves the CKR LP of the model and, where that does not close the cut to `tolerance` (absolute), searches until it is
// closed or the context says stop. `debug_labels`: a known optimum of the model, or empty; heavy builds check every
// prune.
void solve_relaxation_and_search(const PottsModel& model, double tolerance, SearchContext& context,
                                 std::span<const LabelId> debug_labels, ModelCut& cut);

// The labelling nearest to an LP solution: each node's largest x, lower labels first, improved by local search.
Labelling round(const PottsModel& model, std::span<const double> x);

}  // namespace liid_cut
