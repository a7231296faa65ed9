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
  std::vector<double> out(candidates.size());
  pair_cosines(f.matrix(), queries, candidates, out);
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

TEST_CASE("pair_cosines rejects a query that is no row") {
  CHECK_THROWS_WITH_AS(cosines({2, 1, {1, 1}}, {2}, {0}), "row 2 does not exist; features has 2 rows",
                       std::invalid_argument);
}

TEST_CASE("pair_cosines rejects a negative query") {
  CHECK_THROWS_WITH_AS(cosines({2, 1, {1, 1}}, {-1}, {0}), "row -1 does not exist; features has 2 rows",
                       std::invalid_argument);
}

TEST_CASE("pair_cosines rejects a candidate that is no row") {
  CHECK_THROWS_WITH_AS(cosines({2, 1, {1, 1}}, {0}, {7}), "row 7 does not exist; features has 2 rows",
                       std::invalid_argument);
}

TEST_CASE("pair_cosines rejects candidates that do not divide among the queries") {
  CHECK_THROWS_WITH_AS(cosines({2, 1, {1, 1}}, {0, 1}, {0, 1, 0}),
                       "candidates and out must both have one row per query", std::invalid_argument);
}

TEST_CASE("pair_cosines rejects an output of another size") {
  const Features features{2, 1, {1, 1}};
  const std::vector<std::int64_t> ids{0, 1};
  std::vector<double> out(1);
  CHECK_THROWS_WITH_AS(pair_cosines(features.matrix(), ids, ids, out),
                       "candidates and out must both have one row per query", std::invalid_argument);
}

}  // namespace liid_cut::test
