// Inequalities that tighten the CKR relaxation, and the search for those that an LP solution violates.
//
// The cut of a cycle C with one of its nodes named for every label (see ProofCut in liid_cut/result.hpp). Given an LP
// solution the best node to name for label k is the one of smallest x[u,k], so C is violated when
//
//   sum_{e in C} z_e + 2 sum_k min_{u in C} x[u,k] < 2,    z_e = 1 - sum_k min(x[u,k], x[v,k]).
//
// They cut off the half-integral solutions in which three proposals share no label but every two of them do: cycle
// consistency of the local polytope (Sontag, Jaakkola, "New outer bounds on the marginal polytope", NIPS 2007).
#pragma once

#include <span>
#include <vector>

#include "liid_cut/result.hpp"
#include "problem/potts_model.hpp"

namespace liid_cut {

// Violated cuts, most violated first, multipliers 0: of all triangles, and for every fractional edge of the shortest
// cycle through it, with z as length.
std::vector<ProofCut> violated_cycle_cuts(const PottsModel& model, std::span<const double> x);

}  // namespace liid_cut
