// The solver: one call from problem to certified labelling.
#pragma once

#include "liid_cut/memory.hpp"
#include "liid_cut/problem.hpp"
#include "liid_cut/result.hpp"
#include "liid_cut/settings.hpp"

namespace liid_cut {

// Cheapest multi-way cut of `problem`.
// Throws std::invalid_argument on bad input (see validate), and MemoryEstimate. Any other limit is no error: the result
// then carries the best labelling so far, its lower bound, and the status that tells which limit it was.
Result solve(const Problem& problem, const Settings& settings = {}, const ProgressCallback& progress = {});

}  // namespace liid_cut
