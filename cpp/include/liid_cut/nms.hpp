// Greedy non-maximum suppression of boxes, batched: many groups (images) and classes in one call (LIID, section 5.3).
//
// Within each group and class, boxes are taken by falling score, of equal scores the lower row first; a box is kept
// unless its intersection over union with a box kept before it is above the threshold. Boxes of different groups or
// classes never suppress each other. Overlaps are computed in double, so that boxes with integer corners are compared
// exactly with the threshold; the result depends neither on threads nor on the order of groups.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "liid_cut/matrix_view.hpp"

namespace liid_cut {

struct NmsInput {
  MatrixView boxes;                           // (n, 4): x0, y0, x1, y1, with x0 < x1 and y0 < y1
  std::span<const double> scores;             // n, finite
  std::span<const std::int64_t> labels = {};  // n, any integers; empty: one class
  std::span<const std::int64_t> groups = {};  // n, any integers; empty: one group
};

// Rows that are kept, by falling score, of equal scores the lower row first.
//
// n_threads: 0 for all cores. watch() is called on the calling thread every 50 ms or so while work goes on in others,
// and may throw to end it.
//
// Throws std::invalid_argument on a box without area or with an entry that is not finite, a score that is not finite,
// lengths that differ, or a threshold outside [0, 1].
std::vector<std::int64_t> batched_nms(const NmsInput& input, double iou_threshold, int n_threads = 1,
                                      const std::function<void()>& watch = {});

}  // namespace liid_cut
