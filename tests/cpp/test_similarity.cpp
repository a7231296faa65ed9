// Cosines of pairs against the formula in long double.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <stdexcept>

#include "liid_cut/similarity.hpp"
#include "random_instances.hpp"

namespace liid_cut::test {
namespace {

struct Features {
  std::size_t n;
  std::size_t d;
  std::vector<double> values;

  MatrixView matrix() const { return {values, n, d}; }
  double at(std::size_t i, std::size_t j) const { return values[i * d + j]; }
};

Features random_features(std::size_t n, std::size_t d) {
  Random random(d);
  Features features{n, d, {}};
  for (std::size_t i = 0; i < n * d; ++i) features.values.push_back(2 * uniform(random) - 1);
  return features;
}

double cosine(const Features& f, std::size_t a, std::size_t b) {
  long double xy = 0, xx = 0, yy = 0;
  for (std::size_t j = 0; j < f.d; ++j) {
    xy += static_cast<long double>(f.at(a, j)) * f.at(b, j);
    xx += static_cast<long double>(f.at(a, j)) * f.at(a, j);
    yy += static_cast<long double>(f.at(b, j)) * f.at(b, j);
  }
  return static_cast<double>(xy / std::sqrt(xx * yy));
}

std::vector<double> cosines(const Features& f, const std::vector<std::int64_t>& queries,
                            const std::vector<std::int64_t>& candidates) {
  CosineRows rows(f.matrix());
  rows.measure(0, f.n);
  const std::size_t per_query = queries.empty() ? 0 : candidates.size() / queries.size();
  std::vector<std::int64_t> u;
  for (const std::int64_t query : queries) u.insert(u.end(), per_query, query);
  std::vector<double> out(candidates.size());
  rows.cosines(u, candidates, out);
  return out;
}

}  // namespace

TEST_CASE("cosines agree with the formula at every length of the rows") {
  for (const std::size_t d : {1, 2, 3, 4, 5, 7, 8, 64, 129}) {
    const Features features = random_features(4, d);
    const auto found = cosines(features, {0, 3}, {1, 2, 3, 0, 1, 2});
    for (std::size_t j = 0; j < 3; ++j) {
      CHECK(found[j] == doctest::Approx(cosine(features, 0, j + 1)).epsilon(1e-14));
      CHECK(found[3 + j] == doctest::Approx(cosine(features, 3, j)).epsilon(1e-14));
    }
  }
}

TEST_CASE("cosines are symmetric to the last bit and independent of the block they stand in") {
  const Features features = random_features(20, 37);
  std::vector<std::int64_t> all;
  for (std::int64_t i = 0; i < 20; ++i) all.push_back(i);
  std::vector<std::int64_t> candidates;
  for (std::size_t i = 0; i < 20; ++i) candidates.insert(candidates.end(), all.begin(), all.end());
  const auto table = cosines(features, all, candidates);
  for (std::size_t i = 0; i < 20; ++i)
    for (std::size_t j = 0; j < 20; ++j) {
      CHECK(table[i * 20 + j] == table[j * 20 + i]);
      CHECK(table[i * 20 + j] == cosines(features, {all[i]}, {all[j]})[0]);
      CHECK(std::abs(table[i * 20 + j]) <= 1);
    }
}

TEST_CASE("equal rows have equal cosines with every other row") {
  const Features features{3, 3, {.1, .2, .3, .1, .2, .3, .5, -.1, .7}};
  const auto found = cosines(features, {2}, {0, 1});
  CHECK(found[0] == found[1]);
}

TEST_CASE("scaling a row keeps its cosine, as far as double reaches") {
  for (const double scale : {1e-300, 1e-150, 1e150, 1e300}) {
    const Features features{2, 3, {1, 2, 2, 3 * scale, 0, 4 * scale}};
    CHECK(cosines(features, {0}, {1})[0] == doctest::Approx(11.0 / 15.0).epsilon(1e-14));
  }
  const double smallest = std::numeric_limits<double>::denorm_min();
  CHECK(cosines({2, 2, {smallest, 0, 1, 0}}, {0}, {1})[0] == 1);
}

TEST_CASE("a zero row has cosine 0 with every row, itself included") {
  const auto found = cosines({2, 2, {0, 0, 1, 1}}, {0}, {1, 0});
  CHECK(found == std::vector<double>{0, 0});
}

TEST_CASE("a negative candidate stands for none") {
  CHECK(cosines({1, 1, {1}}, {0}, {-1})[0] == -std::numeric_limits<double>::infinity());
}

TEST_CASE("no queries, nothing to do") { CHECK(cosines({1, 1, {1}}, {}, {}).empty()); }

TEST_CASE("cosines rejects a query that is no row") {
  CHECK_THROWS_WITH_AS(cosines({2, 1, {1, 1}}, {2}, {0}), "row 2 does not exist; features has 2 rows",
                       std::invalid_argument);
}

TEST_CASE("cosines rejects a negative query") {
  CHECK_THROWS_WITH_AS(cosines({2, 1, {1, 1}}, {-1}, {0}), "row -1 does not exist; features has 2 rows",
                       std::invalid_argument);
}

TEST_CASE("cosines rejects a candidate that is no row") {
  CHECK_THROWS_WITH_AS(cosines({2, 1, {1, 1}}, {0}, {7}), "row 7 does not exist; features has 2 rows",
                       std::invalid_argument);
}

TEST_CASE("cosines rejects an output of another size") {
  const Features features{2, 1, {1, 1}};
  const std::vector<std::int64_t> ids{0, 1};
  std::vector<double> out(1);
  CHECK_THROWS_WITH_AS(CosineRows(features.matrix()).cosines(ids, ids, out), "u, v and out must have equal lengths",
                       std::invalid_argument);
}

TEST_CASE("an index chooses and orders rows") {
  const Features features = random_features(5, 7);
  CosineRows all(features.matrix());
  all.measure(0, 5);
  CosineRows chosen(features.matrix(), {4, 1, 2});
  chosen.measure(0, 3);
  std::vector<double> expected(2);
  std::vector<double> found(2);
  all.cosines(std::vector<std::int64_t>{4, 4}, std::vector<std::int64_t>{1, 2}, expected);
  chosen.cosines(std::vector<std::int64_t>{0, 0}, std::vector<std::int64_t>{1, 2}, found);
  CHECK(found == expected);
  CHECK(chosen.fingerprints()[2] == all.fingerprints()[2]);
}

TEST_CASE("an index that names no row is rejected") {
  const Features features{2, 1, {1, 1}};
  CHECK_THROWS_WITH_AS(CosineRows(features.matrix(), {0, 2}), "row 2 does not exist; features has 2 rows",
                       std::invalid_argument);
}

TEST_CASE("unit rows have length 1, at any scale, and zero rows stay zero") {
  const Features features{4, 2, {3, 4, 3e-310, 4e-310, 3e300, 4e300, 0, 0}};
  CosineRows rows(features.matrix());
  rows.measure(0, 4);
  std::vector<double> unit(8);
  rows.unit_rows(std::vector<std::int64_t>{0, 1, 2, 3}, std::span<double>(unit));
  for (std::size_t i = 0; i < 6; i += 2) {
    CHECK(unit[i] == doctest::Approx(0.6).epsilon(1e-12));
    CHECK(unit[i + 1] == doctest::Approx(0.8).epsilon(1e-12));
  }
  CHECK(unit[6] == 0);
  CHECK(unit[7] == 0);
}

TEST_CASE("the length tells zero rows and rows that are not finite") {
  const double inf = std::numeric_limits<double>::infinity();
  const Features features{4, 2, {3, 4, 0, -0.0, 1, inf, std::nan(""), 0}};
  CosineRows rows(features.matrix());
  rows.measure(0, 4);
  CHECK(rows.lengths()[0] == 5);
  CHECK(rows.lengths()[1] == 0);
  CHECK(std::isnan(rows.lengths()[2]));
  CHECK(std::isnan(rows.lengths()[3]));
}

TEST_CASE("fingerprints are equal for equal rows alone") {
  const Features features{4, 2, {0.0, 1, -0.0, 1, 1, 0, 1, 1e-300}};
  CosineRows rows(features.matrix());
  rows.measure(0, 4);
  CHECK(rows.fingerprints()[0] == rows.fingerprints()[1]);
  CHECK(rows.fingerprints()[0] != rows.fingerprints()[2]);
  CHECK(rows.fingerprints()[2] != rows.fingerprints()[3]);
}

}  // namespace liid_cut::test
