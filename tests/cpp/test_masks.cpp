// Run-length codes against codes written out, and suppression of masks against pixels counted one by one.
#include "liid_cut/masks.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <stdexcept>
#include <string>

#include "liid_cut/nms.hpp"
#include "run_length_code.hpp"

namespace liid_cut::test {
namespace {

using Ids = std::vector<std::int64_t>;

struct Masks {
  std::string codes;
  Ids ends;
  Ids sizes;

  void add(const std::string& code, std::int64_t height, std::int64_t width) {
    codes += code;
    ends.push_back(static_cast<std::int64_t>(codes.size()));
    sizes.insert(sizes.end(), {height, width});
  }
  MaskCodes view() const { return {codes, ends, sizes}; }
};

// Unions of rectangles on 12 x 9 pixels, some of them empty.
std::vector<Pixels> random_masks(std::size_t n, unsigned seed) {
  std::mt19937 random(seed);
  const auto below = [&](int end) { return std::uniform_int_distribution<int>(0, end - 1)(random); };
  std::vector<Pixels> masks(n, Pixels(12 * 9, false));
  for (Pixels& mask : masks)
    for (int part = below(4); part > 0; --part) {
      const int x0 = below(9);
      const int y0 = below(12);
      const int x1 = x0 + 1 + below(9 - x0);
      const int y1 = y0 + 1 + below(12 - y0);
      for (int x = x0; x < x1; ++x)
        for (int y = y0; y < y1; ++y) mask[static_cast<std::size_t>(12 * x + y)] = true;
    }
  return masks;
}

Masks encoded(const std::vector<Pixels>& pixels) {
  Masks masks;
  for (const Pixels& mask : pixels) masks.add(code_of(mask), 12, 9);
  return masks;
}

double iou(const Pixels& a, const Pixels& b) {
  int shared = 0;
  int either = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    shared += a[i] && b[i];
    either += a[i] || b[i];
  }
  return either == 0 ? 0 : static_cast<double>(shared) / either;
}

struct Rows {
  std::vector<double> scores;
  Ids labels;
  Ids groups;
};

Rows random_rows(std::size_t n, unsigned seed) {
  std::mt19937 random(seed);
  const auto below = [&](int end) { return std::uniform_int_distribution<int>(0, end - 1)(random); };
  Rows rows;
  for (std::size_t i = 0; i < n; ++i) {
    rows.scores.push_back(below(8));
    rows.labels.push_back(below(2));
    rows.groups.push_back(below(3));
  }
  return rows;
}

Ids slow_nms(const std::vector<Pixels>& masks, const Rows& rows, double threshold) {
  std::vector<bool> left(masks.size(), true);
  Ids kept;
  while (true) {
    std::size_t best = masks.size();
    for (std::size_t i = 0; i < masks.size(); ++i)
      if (left[i] && (best == masks.size() || rows.scores[i] > rows.scores[best])) best = i;
    if (best == masks.size()) return kept;
    kept.push_back(static_cast<std::int64_t>(best));
    left[best] = false;
    for (std::size_t i = 0; i < masks.size(); ++i) {
      const bool rivals = rows.labels[i] == rows.labels[best] && rows.groups[i] == rows.groups[best];
      if (rivals && iou(masks[i], masks[best]) > threshold) left[i] = false;
    }
  }
}

Ids nms(const Masks& masks, const Rows& rows, double threshold, int n_threads = 1) {
  return batched_mask_nms(masks.view(), {rows.scores, rows.labels, rows.groups}, {threshold, n_threads, {}});
}

}  // namespace

TEST_CASE("areas of masks") {
  const auto pixels = random_masks(200, 1);
  const Ids areas = mask_areas(encoded(pixels).view());
  for (std::size_t i = 0; i < pixels.size(); ++i)
    CHECK(areas[i] == std::count(pixels[i].begin(), pixels[i].end(), true));
}

TEST_CASE("runs of many digits, and differences below zero") {
  Masks masks;
  masks.add(code_of(Ids{40'000, 100'000, 3, 5, 70'000, 1, 129'991}), 500, 680);
  CHECK(mask_areas(masks.view()) == Ids{100'006});
}

TEST_CASE("suppression of masks is the greedy one, written out") {
  for (unsigned seed = 0; seed < 40; ++seed) {
    const auto pixels = random_masks(2 * seed, seed);
    const Masks masks = encoded(pixels);
    const Rows rows = random_rows(pixels.size(), seed + 100);
    for (const double threshold : {0.0, 0.25, 0.4, 0.5, 1.0})
      CHECK(nms(masks, rows, threshold) == slow_nms(pixels, rows, threshold));
  }
}

TEST_CASE("suppression of masks gives the same rows with any number of threads") {
  const Masks masks = encoded(random_masks(1000, 5));
  const Rows rows = random_rows(1000, 6);
  const Ids one = nms(masks, rows, 0.2, 1);
  CHECK(nms(masks, rows, 0.2, 3) == one);
  CHECK(one.size() < 1000);
}

TEST_CASE("damaged codes are named") {
  const std::string whole = code_of(Ids{20, 30, 58});
  for (const std::string& code :
       {std::string(), whole.substr(0, whole.size() - 1), whole + "1", std::string("!"), std::string("`0"),
        code_of(Ids{20, -3, 91}), code_of(Ids{20, 30, 59}), std::string("PPPPPPPP0"), code_of(Ids{10, 10, 10, 200})}) {
    Masks masks;
    masks.add(whole, 12, 9);
    masks.add(code, 12, 9);
    CHECK_THROWS_WITH_AS(mask_areas(masks.view()), "masks[1] is no run-length code of 12 x 9 pixels",
                         std::invalid_argument);
  }
}

TEST_CASE("sizes without pixels are damaged, too") {
  for (const std::int64_t height : {std::int64_t{0}, std::int64_t{-3}, std::int64_t{1} << 40}) {
    Masks masks;
    masks.add("0", height, 3);
    CHECK_THROWS_AS(mask_areas(masks.view()), std::invalid_argument);
  }
}

TEST_CASE("codes that do not fit their ends are rejected") {
  Masks masks;
  masks.add("\\3", 12, 9);
  masks.ends.back() = 5;
  CHECK_THROWS_WITH_AS(mask_areas(masks.view()), "the last code must end with the codes", std::invalid_argument);
  masks.ends = {2, 1, 2};
  masks.sizes = {12, 9, 12, 9, 12, 9};
  CHECK_THROWS_WITH_AS(mask_areas(masks.view()), "ends of codes must rise", std::invalid_argument);
}

TEST_CASE("masks of one image must be of one size") {
  Masks masks;
  masks.add(code_of(Ids{0, 108}), 12, 9);
  masks.add(code_of(Ids{0, 108}), 9, 12);
  CHECK_THROWS_WITH_AS(nms(masks, {{1, 2}, {}, {}}, 0.4), "masks[0] has size 12 x 9, masks[1] of its group 9 x 12",
                       std::invalid_argument);
  CHECK(nms(masks, {{1, 2}, {}, {1, 2}}, 0.4) == Ids{1, 0});
}

}  // namespace liid_cut::test
