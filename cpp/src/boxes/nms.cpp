// Suppression by overlap of boxes; see liid_cut/nms.hpp.
//
// What is kept lies in columns, so that one candidate is compared with many kept boxes by vector instructions.
#include "liid_cut/nms.hpp"

#include <array>
#include <cmath>
#include <limits>
#include <sstream>
#include <stdexcept>

#include "boxes/greedy.hpp"
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
class KeptBoxes {
 public:
  KeptBoxes(const std::vector<Box>& boxes, double iou_threshold) : boxes_(&boxes), iou_threshold_(iou_threshold) {}

  void clear() {
    for (auto& column : columns_) column.clear();
  }

  bool take(std::size_t row) {
    const Box& box = (*boxes_)[row];
    const std::size_t n = columns_[0].size();
    for (std::size_t begin = 0; begin < n; begin += kBlock) {
      std::array<const double*, 5> block;
      for (std::size_t c = 0; c < block.size(); ++c) block[c] = columns_[c].data() + begin;
      if (any_overlap(block, std::min(n - begin, kBlock), box, iou_threshold_)) return false;
    }
    const std::array<double, 5> values{box.x0, box.y0, box.x1, box.y1, box.area()};
    for (std::size_t c = 0; c < values.size(); ++c) columns_[c].push_back(values[c]);
    return true;
  }

 private:
  const std::vector<Box>* boxes_;
  double iou_threshold_;
  std::array<std::vector<double>, 5> columns_;
};

}  // namespace

std::vector<std::int64_t> batched_nms(const MatrixView& boxes, const NmsRows& rows, const NmsSettings& settings) {
  const std::vector<Box> read = read_boxes(boxes);
  check_rows("boxes", read.size(), rows, settings);
  return greedy_nms(rows, settings, kRowsWorthThreads, KeptBoxes(read, settings.iou_threshold));
}

}  // namespace liid_cut
