// The CKR relaxation of one component; see liid_cut/relaxation.hpp.
#pragma once

#include "liid_cut/relaxation.hpp"
#include "problem/potts_model.hpp"

namespace liid_cut {

// Throws std::length_error beyond 2^31 - 1 entries.
LinearProgram ckr_lp(const PottsModel& model);

}  // namespace liid_cut
