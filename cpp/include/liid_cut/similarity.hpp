// Cosine similarities of given pairs, in double and always in the same order of additions.
//
// A neighbour search in single precision returns the same pair with other last bits when it stands elsewhere in a
// block, which would break ties at random. Candidates are therefore compared by these values: symmetric in their
// arguments to the last bit, equal for equal rows, whatever the thread count.
#pragma once

#include <cstdint>
#include <span>

#include "liid_cut/matrix_view.hpp"

namespace liid_cut {

// out[i, j] = cos(features[queries[i]], features[candidates[i, j]]), row-major; -infinity where the candidate is
// negative. Entries may be as large or small as double allows. A zero row has cosine 0 with every other.
// Throws std::invalid_argument on an id that is no row of `features`.
void pair_cosines(const MatrixView& features, std::span<const std::int64_t> queries,
                  std::span<const std::int64_t> candidates, std::span<double> out);

}  // namespace liid_cut
