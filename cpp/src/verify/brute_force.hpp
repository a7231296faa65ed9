// The oracle: the cheapest of all labellings, by trying every one.
#pragma once

#include <cstdint>

#include "problem/potts_model.hpp"
#include "util/stop.hpp"

namespace liid_cut {

// Among equal costs the lexicographically first labelling wins. Stops early on request, with the best so far.
// Throws std::invalid_argument if there are more than `limit` labellings.
Labelling brute_force(const PottsModel& model, std::int64_t limit, const StopSignal& stop);

}  // namespace liid_cut
