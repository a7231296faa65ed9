// Run-length codes of masks, and suppression by their overlap; see liid_cut/masks.hpp and liid_cut/nms.hpp.
//
// A decoded mask is a list of spans of pixels, counted down the columns. Two bounds on the overlap, by the areas and by
// the bounding boxes, spare most pairs the walk along both lists.
#include "liid_cut/masks.hpp"

#include <algorithm>
#include <limits>
#include <sstream>
#include <stdexcept>

#include "boxes/greedy.hpp"

namespace liid_cut {
namespace {

constexpr std::size_t kRowsWorthThreads = 512;
constexpr std::int64_t kLongestSide = std::numeric_limits<std::int32_t>::max();
constexpr int kMostShift = 30;  // 7 digits: more than any run of an image

[[noreturn]] void reject(std::size_t row, std::int64_t height, std::int64_t width) {
  std::ostringstream message;
  message << "masks[" << row << "] is no run-length code of " << height << " x " << width << " pixels";
  throw std::invalid_argument(message.str());
}

// Calls run(length) for the runs of mask `row`, off and on in turn, after it has checked them.
template <class Run>
void for_each_run(const MaskCodes& masks, std::size_t row, Run run) {
  const std::int64_t height = masks.sizes[2 * row];
  const std::int64_t width = masks.sizes[2 * row + 1];
  if (height < 1 || width < 1 || height > kLongestSide || width > kLongestSide) reject(row, height, width);
  const auto begin = static_cast<std::size_t>(row == 0 ? 0 : masks.ends[row - 1]);
  const auto end = static_cast<std::size_t>(masks.ends[row]);
  std::int64_t left = height * width;
  std::int64_t last[2] = {0, 0};  // of the runs of this and of the other value
  std::int64_t value = 0;
  int shift = 0;
  std::size_t n_runs = 0;
  for (std::size_t i = begin; i < end; ++i) {
    const int digit = static_cast<unsigned char>(masks.codes[i]) - '0';
    if (digit < 0 || digit >= 64 || shift > kMostShift) reject(row, height, width);
    value |= static_cast<std::int64_t>(digit & 31) << shift;
    shift += 5;
    if (digit & 32) continue;
    if (digit & 16) value -= std::int64_t{1} << shift;
    std::int64_t& own = last[n_runs % 2];
    if (n_runs > 2) value += own;
    left -= value;
    if (value < 0 || left < 0) reject(row, height, width);
    run(value);
    own = value;
    value = shift = 0;
    ++n_runs;
  }
  if (shift != 0 || left != 0) reject(row, height, width);
}

struct Span {
  std::int64_t begin, end;
};

struct Mask {
  std::vector<Span> spans;
  std::int64_t area = 0;
  std::int64_t x0 = 0, y0 = 0, x1 = 0, y1 = 0;  // of the bounding box; right and bottom exclusive
};

void decode(const MaskCodes& masks, std::size_t row, Mask& mask) {
  const std::int64_t height = masks.sizes[2 * row];
  mask.spans.clear();
  mask.area = 0;
  mask.y0 = height;
  mask.y1 = 0;
  std::int64_t at = 0;
  bool on = false;
  for_each_run(masks, row, [&](std::int64_t length) {
    if (on && length > 0) {
      const std::int64_t last = at + length - 1;
      const bool one_column = at / height == last / height;
      mask.y0 = std::min(mask.y0, one_column ? at % height : 0);
      mask.y1 = std::max(mask.y1, one_column ? last % height + 1 : height);
      mask.spans.push_back({at, at + length});
      mask.area += length;
    }
    at += length;
    on = !on;
  });
  if (mask.spans.empty()) return;
  mask.x0 = mask.spans.front().begin / height;
  mask.x1 = (mask.spans.back().end - 1) / height + 1;
}

std::int64_t intersection(const Mask& a, const Mask& b) {
  std::int64_t shared = 0;
  auto s = a.spans.begin();
  auto t = b.spans.begin();
  while (s != a.spans.end() && t != b.spans.end()) {
    shared += std::max<std::int64_t>(std::min(s->end, t->end) - std::max(s->begin, t->begin), 0);
    if (s->end < t->end)
      ++s;
    else
      ++t;
  }
  return shared;
}

// IoU of masks that share so many pixels; it rises with them, in floating point, too.
double iou(const Mask& a, const Mask& b, std::int64_t shared) {
  return shared == 0 ? 0 : static_cast<double>(shared) / static_cast<double>(a.area + b.area - shared);
}

bool overlap(const Mask& a, const Mask& b, double iou_threshold) {
  const std::int64_t width = std::min(a.x1, b.x1) - std::max(a.x0, b.x0);
  const std::int64_t height = std::min(a.y1, b.y1) - std::max(a.y0, b.y0);
  if (width <= 0 || height <= 0) return false;
  const std::int64_t most = std::min({a.area, b.area, width * height});
  return iou(a, b, most) > iou_threshold && iou(a, b, intersection(a, b)) > iou_threshold;
}

class KeptMasks {
 public:
  KeptMasks(const MaskCodes& masks, double iou_threshold) : masks_(masks), iou_threshold_(iou_threshold) {}

  void clear() { n_ = 0; }

  bool take(std::size_t row) {
    if (n_ == kept_.size()) kept_.emplace_back();
    Mask& mask = kept_[n_];
    decode(masks_, row, mask);
    if (n_ == 0) first_ = row;
    check_size(row);
    for (std::size_t i = 0; i < n_; ++i)
      if (overlap(kept_[i], mask, iou_threshold_)) return false;
    ++n_;
    return true;
  }

 private:
  void check_size(std::size_t row) const {
    const auto size = [&](std::size_t i) { return std::pair(masks_.sizes[2 * i], masks_.sizes[2 * i + 1]); };
    if (size(row) == size(first_)) return;
    std::ostringstream message;
    message << "masks[" << row << "] has size " << size(row).first << " x " << size(row).second << ", masks[" << first_
            << "] of its group " << size(first_).first << " x " << size(first_).second;
    throw std::invalid_argument(message.str());
  }

  MaskCodes masks_;
  double iou_threshold_;
  std::vector<Mask> kept_;  // the first n_; the others keep their memory
  std::size_t n_ = 0;
  std::size_t first_ = 0;
};

void check_codes(const MaskCodes& masks) {
  if (masks.sizes.size() != 2 * masks.size()) throw std::invalid_argument("sizes must have shape (n, 2)");
  std::int64_t begin = 0;
  for (const std::int64_t end : masks.ends) {
    if (end < begin) throw std::invalid_argument("ends of codes must rise");
    begin = end;
  }
  if (begin != static_cast<std::int64_t>(masks.codes.size()))
    throw std::invalid_argument("the last code must end with the codes");
}

}  // namespace

std::vector<std::int64_t> mask_areas(const MaskCodes& masks) {
  check_codes(masks);
  std::vector<std::int64_t> areas(masks.size(), 0);
  for (std::size_t row = 0; row < areas.size(); ++row) {
    bool on = false;
    for_each_run(masks, row, [&](std::int64_t length) {
      if (on) areas[row] += length;
      on = !on;
    });
  }
  return areas;
}

std::vector<std::int64_t> batched_mask_nms(const MaskCodes& masks, const NmsRows& rows, const NmsSettings& settings) {
  mask_areas(masks);  // the first damaged row is named, whatever the order of work
  check_rows("masks", masks.size(), rows, settings);
  return greedy_nms(rows, settings, kRowsWorthThreads, KeptMasks(masks, settings.iou_threshold));
}

}  // namespace liid_cut
