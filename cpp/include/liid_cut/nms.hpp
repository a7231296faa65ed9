// Greedy non-maximum suppression, batched: many groups (images) and classes in one call (LIID, section 5.3).
//
// Within each group and class, rows are taken by falling score, of equal scores the lower row first; a row is kept
// unless its intersection over union with one kept before it is above the threshold. Rows of different groups or
// classes never suppress each other. Overlaps are computed in double, so that boxes with integer corners, and masks,
// are compared exactly with the threshold; the result depends neither on threads nor on the order of groups.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "liid_cut/masks.hpp"
#include "liid_cut/matrix_view.hpp"

namespace liid_cut {

// Who comes first, and who competes with whom.
struct NmsRows {
  std::span<const double> scores;             // n, finite
  std::span<const std::int64_t> labels = {};  // n, any integers; empty: one class
  std::span<const std::int64_t> groups = {};  // n, any integers; empty: one group
};

struct NmsSettings {
  double iou_threshold = 0.4;
  int n_threads = 1;  // 0 for all cores
  // Called on the calling thread every 50 ms or so while others work; may throw to end the work.
  std::function<void()> watch = {};
};

// Rows that are kept, by falling score, of equal scores the lower row first.
//
// boxes: (n, 4) of x0, y0, x1, y1 with x0 < x1 and y0 < y1.
//
// Throws std::invalid_argument on a box without area or with an entry that is not finite, a score that is not finite,
// lengths that differ, or a threshold outside [0, 1].
std::vector<std::int64_t> batched_nms(const MatrixView& boxes, const NmsRows& rows, const NmsSettings& settings);

// The same by overlap of masks. An empty mask overlaps nothing.
//
// Throws std::invalid_argument on a code as mask_areas does, and on masks of one group and class that differ in size.
std::vector<std::int64_t> batched_mask_nms(const MaskCodes& masks, const NmsRows& rows, const NmsSettings& settings);

}  // namespace liid_cut
