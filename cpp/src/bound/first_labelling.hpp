// A first labelling of a component, and improvement of any labelling by single-node moves.
//
// Local search is iterated conditional modes (Besag, "On the statistical analysis of dirty pictures", 1986).
#pragma once

#include "problem/potts_model.hpp"

namespace liid_cut {

// Moves one node at a time to its cheapest label, lower labels first, until no move helps.
void improve(const PottsModel& model, Labelling& labels);

// The cheaper of: each node's cheapest label, and one constant label; both improved. Ties go to the former.
Labelling first_labelling(const PottsModel& model);

}  // namespace liid_cut
