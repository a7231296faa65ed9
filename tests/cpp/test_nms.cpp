// Suppression against the definition written out, on random boxes with many equal scores and exact overlaps.
#include "liid_cut/nms.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <limits>
#include <random>
#include <stdexcept>

namespace liid_cut::test {
namespace {

using Ids = std::vector<std::int64_t>;

struct Boxes {
  std::vector<double> corners;  // 4 a box
  std::vector<double> scores;
  Ids labels;
  Ids groups;

  std::size_t size() const { return scores.size(); }
};

// Corners on a grid of `side` cells, scores of few values: overlaps equal to the threshold and ties are common.
Boxes random_boxes(std::size_t n, int side, int n_groups, int n_labels, unsigned seed) {
  std::mt19937 random(seed);
  const auto below = [&](int end) { return std::uniform_int_distribution<int>(0, end - 1)(random); };
  Boxes boxes;
  for (std::size_t i = 0; i < n; ++i) {
    const int x = below(side);
    const int y = below(side);
    for (const int corner : {x, y, x + 1 + below(side), y + 1 + below(side)}) boxes.corners.push_back(corner);
    boxes.scores.push_back(below(10) / 4.0 - 1);
    boxes.labels.push_back(below(n_labels) - 1);
    boxes.groups.push_back(below(n_groups) * 1'000'000'007LL);
  }
  return boxes;
}

double iou(const double* a, const double* b) {
  const double width = std::min(a[2], b[2]) - std::max(a[0], b[0]);
  const double height = std::min(a[3], b[3]) - std::max(a[1], b[1]);
  if (width <= 0 || height <= 0) return 0;
  const double shared = width * height;
  return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared);
}

// The best row that is left is kept, and what it overlaps leaves; until none is left.
Ids slow_nms(const Boxes& boxes, double threshold) {
  std::vector<bool> left(boxes.size(), true);
  Ids kept;
  while (true) {
    std::size_t best = boxes.size();
    for (std::size_t i = 0; i < boxes.size(); ++i)
      if (left[i] && (best == boxes.size() || boxes.scores[i] > boxes.scores[best])) best = i;
    if (best == boxes.size()) return kept;
    kept.push_back(static_cast<std::int64_t>(best));
    left[best] = false;
    for (std::size_t i = 0; i < boxes.size(); ++i) {
      const bool rivals = boxes.labels[i] == boxes.labels[best] && boxes.groups[i] == boxes.groups[best];
      if (rivals && iou(&boxes.corners[4 * i], &boxes.corners[4 * best]) > threshold) left[i] = false;
    }
  }
}

Ids nms(const Boxes& boxes, double threshold, int n_threads = 1, std::function<void()> watch = {}) {
  const MatrixView corners(boxes.corners, boxes.corners.size() / 4, 4);
  return batched_nms(corners, {boxes.scores, boxes.labels, boxes.groups}, {threshold, n_threads, std::move(watch)});
}

Boxes one_box() { return {{0, 0, 2, 1}, {1}, {}, {}}; }

}  // namespace

TEST_CASE("suppression is the greedy one, written out") {
  for (unsigned seed = 0; seed < 60; ++seed) {
    const Boxes boxes = random_boxes(seed * 3, 4 + static_cast<int>(seed % 9), 1 + static_cast<int>(seed % 5),
                                     1 + static_cast<int>(seed % 3), seed);
    for (const double threshold : {0.0, 0.25, 0.4, 0.5, 1.0})
      CHECK(nms(boxes, threshold) == slow_nms(boxes, threshold));
  }
}

TEST_CASE("many kept boxes of one class are all compared with") {
  const Boxes boxes = random_boxes(1500, 60, 1, 1, 7);
  const Ids kept = nms(boxes, 0.3);
  CHECK(kept == slow_nms(boxes, 0.3));
  CHECK(kept.size() > 200);
}

TEST_CASE("the same rows with any number of threads") {
  const Boxes boxes = random_boxes(20000, 100, 300, 4, 3);
  const Ids one = nms(boxes, 0.4, 1);
  for (const int n_threads : {2, 5, 0}) CHECK(nms(boxes, 0.4, n_threads) == one);
  CHECK(one.size() < boxes.size());
}

TEST_CASE("an overlap equal to the threshold does not suppress") {
  const Boxes boxes{{0, 0, 5, 1, 0, 0, 2, 1}, {1, 2}, {}, {}};  // 2 / 5, which is above 0.4 in float
  CHECK(nms(boxes, 0.4) == Ids{1, 0});
  CHECK(nms(boxes, 0.399) == Ids{1});
}

TEST_CASE("of equal boxes with equal scores the first is kept") {
  const Boxes boxes{{0, 0, 2, 1, 0, 0, 2, 1, 0, 0, 2, 1}, {1, 1, 1}, {}, {}};
  CHECK(nms(boxes, 0.4) == Ids{0});
  CHECK(nms(boxes, 1.0) == Ids{0, 1, 2});
}

TEST_CASE("other groups and other classes do not suppress") {
  const Boxes boxes{{0, 0, 2, 1, 0, 0, 2, 1, 0, 0, 2, 1}, {1, 2, 3}, {1, 1, 2}, {5, -5, 5}};
  CHECK(nms(boxes, 0.4) == Ids{2, 1, 0});
}

TEST_CASE("no boxes, nothing is kept") { CHECK(nms(Boxes{}, 0.4).empty()); }

TEST_CASE("suppression rejects a box without area") {
  Boxes boxes = one_box();
  boxes.corners[2] = 0;
  CHECK_THROWS_WITH_AS(nms(boxes, 0.4), "boxes[0] is [0, 0, 0, 1]; a box is finite x0 < x1 and y0 < y1",
                       std::invalid_argument);
}

TEST_CASE("suppression rejects corners that are not finite, or whose area is not") {
  for (const double corner : {std::numeric_limits<double>::infinity(), 1e308}) {
    Boxes boxes = one_box();
    boxes.corners[2] = boxes.corners[3] = corner;
    CHECK_THROWS_AS(nms(boxes, 0.4), std::invalid_argument);
  }
}

TEST_CASE("suppression rejects a score that is not finite") {
  Boxes boxes = one_box();
  boxes.scores[0] = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_WITH_AS(nms(boxes, 0.4), "scores[0] is nan; every score must be finite", std::invalid_argument);
}

TEST_CASE("suppression rejects arrays of other lengths") {
  Boxes boxes = one_box();
  boxes.labels = {1, 2};
  CHECK_THROWS_WITH_AS(nms(boxes, 0.4), "labels has 2 entries; there are 1 boxes", std::invalid_argument);
}

TEST_CASE("suppression rejects a threshold outside 0 to 1") {
  CHECK_THROWS_WITH_AS(nms(one_box(), 1.5), "iou_threshold is 1.5; it must be a number from 0 to 1",
                       std::invalid_argument);
}

TEST_CASE("what watch throws ends the work, also within one large class") {
  struct Stop {};
  const Boxes boxes = [] {  // nothing overlaps: a comparison with all before
    Boxes row;
    for (int i = 0; i < 400'000; ++i) {
      row.corners.insert(row.corners.end(), {2.0 * i, 0, 2.0 * i + 1, 1});
      row.scores.push_back(0);
    }
    return row;
  }();
  CHECK_THROWS_AS(nms(boxes, 0.4, 1, [] { throw Stop{}; }), Stop);
}

}  // namespace liid_cut::test
