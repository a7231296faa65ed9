// Greedy non-maximum suppression; see liid_cut/nms.hpp.
//
// Steps: check; order rows by group, class, falling score and row; within each segment of one group and class keep a
// row unless a row kept before it overlaps it too much. What is kept lies in columns, so that one candidate is compared
// with many kept boxes by vector instructions.
#include "liid_cut/nms.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <limits>
#include <memory>
#include <numeric>
#include <sstream>
#include <stdexcept>
#include <tuple>

#include "search/parallel.hpp"
#include "simd.hpp"

namespace liid_cut {
namespace {

// Below this, starting a thread takes longer than the work.
constexpr std::size_t kRowsWorthThreads = 4096;
// Kept boxes that are compared before the outcome is looked at.
constexpr std::size_t kBlock = 32;
// Sums of two areas stay finite.
constexpr double kLargestArea = std::numeric_limits<double>::max() / 4;

struct Box {
  double x0, y0, x1, y1;
  double area() const { return (x1 - x0) * (y1 - y0); }
};

std::vector<Box> read_boxes(const MatrixView& matrix) {
  if (matrix.n_columns() != 4) throw std::invalid_argument("boxes must have shape (n, 4)");
  std::vector<Box> boxes(matrix.n_rows());
  for (std::size_t i = 0; i < boxes.size(); ++i) {
    std::array<double, 4> b;
    matrix.read_row(i, b);
    boxes[i] = {b[0], b[1], b[2], b[3]};
    const bool finite = std::all_of(b.begin(), b.end(), [](double value) { return std::isfinite(value); });
    if (finite && b[0] < b[2] && b[1] < b[3] && boxes[i].area() <= kLargestArea) continue;
    std::ostringstream message;
    message << "boxes[" << i << "] is [" << b[0] << ", " << b[1] << ", " << b[2] << ", " << b[3]
            << "]; a box is finite x0 < x1 and y0 < y1";
    throw std::invalid_argument(message.str());
  }
  return boxes;
}

void check_scores(std::span<const double> scores) {
  for (std::size_t i = 0; i < scores.size(); ++i) {
    if (std::isfinite(scores[i])) continue;
    std::ostringstream message;
    message << "scores[" << i << "] is " << scores[i] << "; every score must be finite";
    throw std::invalid_argument(message.str());
  }
}

void check_length(const char* name, std::size_t length, std::size_t n) {
  if (length == n) return;
  std::ostringstream message;
  message << name << " has " << length << " entries; boxes has " << n << " rows";
  throw std::invalid_argument(message.str());
}

// Whether one of n boxes, given by columns x0, y0, x1, y1 and area, overlaps `box` by more than the threshold.
LIID_SIMD bool any_overlap(const std::array<const double*, 5>& columns, std::size_t n, const Box& box,
                           double iou_threshold) {
  const auto [x0, y0, x1, y1, areas] = columns;
  const double area = box.area();
  int found = 0;
  for (std::size_t j = 0; j < n; ++j) {
    const double width = std::max(std::min(x1[j], box.x1) - std::max(x0[j], box.x0), 0.0);
    const double height = std::max(std::min(y1[j], box.y1) - std::max(y0[j], box.y0), 0.0);
    const double intersection = width * height;
    found |= intersection / (area + areas[j] - intersection) > iou_threshold;
  }
  return found != 0;
}

// Boxes kept so far in a segment, one column for each number.
class Kept {
 public:
  void clear() {
    for (auto& column : columns_) column.clear();
  }

  void add(const Box& box) {
    const std::array<double, 5> row{box.x0, box.y0, box.x1, box.y1, box.area()};
    for (std::size_t c = 0; c < row.size(); ++c) columns_[c].push_back(row[c]);
  }

  // Whether a kept box overlaps `box` by more than the threshold.
  bool overlaps(const Box& box, double iou_threshold) const {
    const std::size_t n = columns_[0].size();
    for (std::size_t begin = 0; begin < n; begin += kBlock) {
      std::array<const double*, 5> block;
      for (std::size_t c = 0; c < block.size(); ++c) block[c] = columns_[c].data() + begin;
      if (any_overlap(block, std::min(n - begin, kBlock), box, iou_threshold)) return true;
    }
    return false;
  }

 private:
  std::array<std::vector<double>, 5> columns_;
};

using Rows = std::vector<std::int64_t>;

// All rows by group, class, falling score and row, and where a new group or class begins (n last).
struct Segments {
  Rows rows;
  std::vector<std::size_t> begins;
};

Segments find_segments(const NmsInput& input) {
  const auto& [boxes, scores, labels, groups] = input;
  const auto at = [](std::span<const std::int64_t> ids, std::int64_t row) {
    return ids.empty() ? 0 : ids[static_cast<std::size_t>(row)];
  };
  const auto place = [&](std::int64_t row) { return std::pair(at(groups, row), at(labels, row)); };
  const auto score = [&](std::int64_t row) { return scores[static_cast<std::size_t>(row)]; };

  Segments found;
  found.rows.resize(scores.size());
  std::iota(found.rows.begin(), found.rows.end(), std::int64_t{0});
  std::sort(found.rows.begin(), found.rows.end(), [&](std::int64_t a, std::int64_t b) {
    return std::tuple(place(a), score(b), a) < std::tuple(place(b), score(a), b);
  });
  for (std::size_t i = 0; i < found.rows.size(); ++i)
    if (i == 0 || place(found.rows[i]) != place(found.rows[i - 1])) found.begins.push_back(i);
  found.begins.push_back(found.rows.size());
  return found;
}

}  // namespace

std::vector<std::int64_t> batched_nms(const NmsInput& input, double iou_threshold, int n_threads,
                                      const std::function<void()>& watch) {
  const std::vector<Box> boxes = read_boxes(input.boxes);
  check_length("scores", input.scores.size(), boxes.size());
  if (!input.labels.empty()) check_length("labels", input.labels.size(), boxes.size());
  if (!input.groups.empty()) check_length("groups", input.groups.size(), boxes.size());
  check_scores(input.scores);
  if (!(iou_threshold >= 0 && iou_threshold <= 1)) {
    std::ostringstream message;
    message << "iou_threshold is " << iou_threshold << "; it must be a number from 0 to 1";
    throw std::invalid_argument(message.str());
  }

  const Segments segments = find_segments(input);
  std::vector<char> keep(boxes.size(), 0);
  std::atomic<bool> stopped{false};
  const auto suppress = [&](Kept& kept, std::size_t segment) {
    kept.clear();
    for (std::size_t i = segments.begins[segment]; i < segments.begins[segment + 1]; ++i) {
      if (stopped.load(std::memory_order_relaxed)) return;
      const auto row = static_cast<std::size_t>(segments.rows[i]);
      if (kept.overlaps(boxes[row], iou_threshold)) continue;
      keep[row] = 1;
      kept.add(boxes[row]);
    }
  };

  const std::size_t n_segments = segments.begins.size() - 1;
  if (boxes.size() < kRowsWorthThreads) {
    Kept kept;
    for (std::size_t segment = 0; segment < n_segments; ++segment) suppress(kept, segment);
  } else {
    const auto watch_and_stop = [&] {
      try {
        if (watch) watch();
      } catch (...) {
        stopped = true;
        throw;
      }
    };
    parallel_for(n_segments, n_threads, [] { return std::make_unique<Kept>(); }, suppress, watch_and_stop);
  }

  std::vector<std::int64_t> rows;
  for (std::size_t i = 0; i < keep.size(); ++i)
    if (keep[i]) rows.push_back(static_cast<std::int64_t>(i));
  std::stable_sort(rows.begin(), rows.end(), [&](std::int64_t a, std::int64_t b) {
    return input.scores[static_cast<std::size_t>(a)] > input.scores[static_cast<std::size_t>(b)];
  });
  return rows;
}

}  // namespace liid_cut
