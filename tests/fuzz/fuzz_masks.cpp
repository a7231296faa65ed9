// Run-length codes of masks, valid and not, against a decoder to bitmaps; suppression of masks and boxes against the
// definition, pair by pair.
#include <algorithm>
#include <cstdint>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "bytes.hpp"
#include "liid_cut/masks.hpp"
#include "liid_cut/nms.hpp"
#include "run_length_code.hpp"
#include "tally.hpp"

namespace liid_cut::fuzz {
namespace {

enum Count { kRefused, kMasks, kBoxes, kSuppressed };
constexpr const char* kNames[] = {"damaged codes refused", "masks judged", "boxes judged", "rows suppressed"};
Tally tally(kNames);

using Bitmap = test::Pixels;

// Nothing where the code is none of so many pixels. Runs in unlimited size: no run that fits needs more than 7 digits.
std::optional<Bitmap> decode(const std::string& code, std::size_t n_pixels) {
  std::vector<std::int64_t> runs;
  for (std::size_t i = 0; i < code.size();) {
    std::int64_t x = 0;
    int n_digits = 0;
    for (bool more = true; more; ++i, ++n_digits) {
      if (i == code.size() || code[i] < '0' || code[i] > '0' + 63 || n_digits == 7) return std::nullopt;
      const std::int64_t digit = code[i] - '0';
      x |= (digit & 31) << (5 * n_digits);
      more = digit >= 32;
      if (!more && (digit & 16) != 0) x |= -(std::int64_t{1} << (5 * n_digits + 5));
    }
    if (runs.size() > 2) x += runs[runs.size() - 2];
    if (x < 0 || x > static_cast<std::int64_t>(n_pixels)) return std::nullopt;
    runs.push_back(x);
  }
  Bitmap mask;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    if (mask.size() + static_cast<std::size_t>(runs[i]) > n_pixels) return std::nullopt;
    mask.insert(mask.end(), static_cast<std::size_t>(runs[i]), i % 2 == 1);
  }
  if (mask.size() != n_pixels) return std::nullopt;
  return mask;
}

// Rows by falling score, of equal scores the lower first; kept unless one kept before, of group and class, overlaps.
template <class Iou>
std::vector<std::int64_t> suppress(const NmsRows& rows, double threshold, Iou iou) {
  std::vector<std::int64_t> order(rows.scores.size());
  std::iota(order.begin(), order.end(), std::int64_t{0});
  const auto at = [](std::int64_t i) { return static_cast<std::size_t>(i); };
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return rows.scores[at(a)] > rows.scores[at(b)]; });
  std::vector<std::int64_t> kept;
  for (const std::int64_t row : order) {
    const bool overlaps = std::any_of(kept.begin(), kept.end(), [&](std::int64_t k) {
      return (rows.labels.empty() || rows.labels[at(k)] == rows.labels[at(row)]) &&
             (rows.groups.empty() || rows.groups[at(k)] == rows.groups[at(row)]) && iou(at(row), at(k)) > threshold;
    });
    if (!overlaps) kept.push_back(row);
  }
  return kept;
}

struct Rows {
  std::vector<double> scores;
  std::vector<std::int64_t> labels, groups;
  NmsSettings settings;

  Rows(std::size_t n, Bytes& bytes) {
    const std::uint8_t flags = bytes.next();
    settings.iou_threshold = std::array{0., .25, 1 / 3., .4, .5, 1.}[bytes.next() % 6];
    for (std::size_t i = 0; i < n; ++i) {
      scores.push_back(bytes.weight(Weights::quarters));
      if (flags % 2 == 1) labels.push_back(bytes.next() % 2);
      if (flags / 2 % 2 == 1) groups.push_back(bytes.next() % 2);
    }
  }
  NmsRows view() const { return {scores, labels, groups}; }
};

void run_masks(Bytes& bytes) {
  const auto height = static_cast<std::int64_t>(bytes.integer(1, 9));
  const auto width = static_cast<std::int64_t>(bytes.integer(1, 9));
  const auto n_pixels = static_cast<std::size_t>(height * width);
  const auto n = static_cast<std::size_t>(bytes.integer(0, 4));
  const bool damaged = bytes.next() % 2 == 1;
  const Rows rows(n, bytes);
  std::string codes;
  std::vector<std::int64_t> ends, sizes;
  std::vector<std::optional<Bitmap>> masks;
  for (std::size_t i = 0; i < n; ++i) {
    std::string code;
    Bitmap mask;
    for (int j = bytes.integer(0, 10); j > 0; --j) {
      if (damaged)
        code.push_back(static_cast<char>(bytes.next()));
      else
        mask.insert(mask.end(), bytes.next() % 32, j % 2 == 1);
    }
    if (!damaged) {
      mask.resize(n_pixels, false);
      code = test::code_of(mask);
    }
    masks.push_back(decode(code, n_pixels));
    require(damaged || masks.back() == mask, "the judge's own code");
    codes += code;
    ends.push_back(static_cast<std::int64_t>(codes.size()));
    sizes.insert(sizes.end(), {height, width});
  }
  const MaskCodes input{codes, ends, sizes};
  const bool valid = std::all_of(masks.begin(), masks.end(), [](const auto& mask) { return mask.has_value(); });
  std::vector<std::int64_t> areas;
  try {
    areas = mask_areas(input);
  } catch (const std::invalid_argument&) {
    require(!valid, "a valid code was refused");
    ++tally[kRefused];
    return;
  }
  require(valid, "a damaged code was not refused");
  for (std::size_t i = 0; i < n; ++i)
    require(areas[i] == std::count(masks[i]->begin(), masks[i]->end(), true), "a wrong area");
  const auto iou = [&](std::size_t a, std::size_t b) {
    double shared = 0, either = 0;
    for (std::size_t p = 0; p < n_pixels; ++p) {
      shared += (*masks[a])[p] && (*masks[b])[p];
      either += (*masks[a])[p] || (*masks[b])[p];
    }
    return shared == 0 ? 0 : shared / either;
  };
  const auto kept = batched_mask_nms(input, rows.view(), rows.settings);
  require(kept == suppress(rows.view(), rows.settings.iou_threshold, iou), "masks: other rows are kept");
  ++tally[kMasks];
  tally[kSuppressed] += n - kept.size();
}

void run_boxes(Bytes& bytes) {
  const auto n = static_cast<std::size_t>(bytes.integer(0, 10));
  const Rows rows(n, bytes);
  const Weights kind = bytes.next() % 4 == 0 ? Weights::continuous : Weights::quarters;
  std::vector<double> boxes;
  for (std::size_t i = 0; i < n; ++i) {
    const double x0 = bytes.weight(kind), y0 = bytes.weight(kind);
    boxes.insert(boxes.end(), {x0, y0, x0 + .25 + bytes.weight(kind), y0 + .25 + bytes.weight(kind)});
  }
  const auto area = [&](std::size_t i) {
    return (boxes[4 * i + 2] - boxes[4 * i]) * (boxes[4 * i + 3] - boxes[4 * i + 1]);
  };
  const auto iou = [&](std::size_t a, std::size_t b) {
    const auto side = [&](std::size_t axis) {
      return std::max(0., std::min(boxes[4 * a + axis + 2], boxes[4 * b + axis + 2]) -
                              std::max(boxes[4 * a + axis], boxes[4 * b + axis]));
    };
    const double shared = side(0) * side(1);
    return shared / (area(a) + area(b) - shared);
  };
  const auto kept = batched_nms({boxes, n, 4}, rows.view(), rows.settings);
  require(kept == suppress(rows.view(), rows.settings.iou_threshold, iou), "boxes: other rows are kept");
  ++tally[kBoxes];
  tally[kSuppressed] += n - kept.size();
}

}  // namespace
}  // namespace liid_cut::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace liid_cut::fuzz;
  Bytes bytes(data, size);
  bytes.next() % 2 == 0 ? run_masks(bytes) : run_boxes(bytes);
  return 0;
}
