// Binary masks as COCO's compressed run-length codes: what a code must be, and how many pixels it holds.
//
// A code tells, column by column, how many pixels are off, on, off, ... in turn. A run is a number in base 32, low
// digits first, 5 bits a character from '0' on, bit 6 for "goes on", the last digit with a sign; from the fourth on a
// run is stored as the difference to the one before the last. The format is that of pycocotools (Lin et al., 2014).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace liid_cut {

// n masks; the code of mask i is codes[ends[i - 1], ends[i]).
struct MaskCodes {
  std::span<const char> codes;
  std::span<const std::int64_t> ends;   // n, rising
  std::span<const std::int64_t> sizes;  // 2 n: height and width of each mask

  std::size_t size() const { return ends.size(); }
};

// Number of pixels of each mask.
// Throws std::invalid_argument on a code that is not one of just height * width pixels; it names the first.
std::vector<std::int64_t> mask_areas(const MaskCodes& masks);

}  // namespace liid_cut
