// Improvement of a labelling by alpha-expansions (Boykov, Veksler, Zabih, "Fast approximate energy minimization via
// graph cuts", PAMI 2001).
//
// An expansion of alpha lets any set of nodes take the label alpha at once; the cheapest such set is a minimum cut.
// Where no expansion helps, a Potts model's cost is at most twice the optimum (theorem 6.1; costs >= 0). With two
// labels it is the optimum: no larger and no smaller set of nodes with label 0 is cheaper, and the cost is submodular.
#pragma once

#include "problem/potts_model.hpp"

namespace liid_cut {

// Expands the labels in turn, lower labels first, until no expansion lowers the cost by more than rounding can feign.
// Among equally cheap expansions the one that moves fewest nodes wins. Returns whether the cost went down.
// Precondition: every node's label is allowed. No node gets a label that is not.
bool expand(const PottsModel& model, Labelling& labels);

}  // namespace liid_cut
