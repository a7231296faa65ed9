// Lists of nearest rows from tiles, against sorting every row of the whole matrix.
#include <doctest/doctest.h>

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <thread>

#include "liid_cut/top_lists.hpp"
#include "random_instances.hpp"

namespace liid_cut::test {
namespace {

// Symmetric, with few different values, so that ties are many.
struct Similarities {
  std::size_t n;
  std::vector<float> values;

  float at(std::size_t u, std::size_t v) const { return values[u * n + v]; }
  std::vector<float> tile(std::size_t a, std::size_t n_a, std::size_t b, std::size_t n_b) const {
    std::vector<float> out;
    for (std::size_t i = 0; i < n_a; ++i)
      for (std::size_t j = 0; j < n_b; ++j) out.push_back(at(a + i, b + j));
    return out;
  }
};

Similarities random_similarities(std::size_t n, std::uint64_t seed, double levels) {
  Random random(seed);
  Similarities s{n, std::vector<float>(n * n)};
  for (std::size_t u = 0; u < n; ++u)
    for (std::size_t v = u; v < n; ++v)
      s.values[u * n + v] = s.values[v * n + u] = static_cast<float>(std::floor(levels * uniform(random)) / levels);
  return s;
}

std::vector<RowId> sorted_row(const Similarities& s, std::size_t u, std::size_t length, const RowGroups& groups) {
  std::vector<RowId> ids;
  for (std::size_t v = 0; v < s.n; ++v)
    if (v != u && groups.share(u, v)) ids.push_back(static_cast<RowId>(v));
  std::stable_sort(ids.begin(), ids.end(), [&](RowId a, RowId b) {
    return s.at(u, static_cast<std::size_t>(a)) > s.at(u, static_cast<std::size_t>(b));
  });
  ids.resize(length, -1);
  return ids;
}

void add_tiles(TopLists<float>& lists, const Similarities& s, std::size_t size, std::size_t first, std::size_t step) {
  std::size_t count = 0;
  for (std::size_t a = 0; a < s.n; a += size)
    for (std::size_t b = a; b < s.n; b += size) {
      if (count++ % step != first) continue;
      const std::size_t n_a = std::min(size, s.n - a);
      const std::size_t n_b = std::min(size, s.n - b);
      const auto values = s.tile(a, n_a, b, n_b);
      lists.add({values, a, n_a, b, n_b});
    }
}

void check_lists(const TopLists<float>& lists, const Similarities& s, const RowGroups& groups) {
  for (std::size_t u = 0; u < s.n; ++u) {
    const auto expected = sorted_row(s, u, lists.length(), groups);
    for (std::size_t j = 0; j < lists.length(); ++j) {
      CHECK(lists.ids()[u * lists.length() + j] == expected[j]);
      if (expected[j] >= 0)
        CHECK(lists.similarities()[u * lists.length() + j] == s.at(u, static_cast<std::size_t>(expected[j])));
    }
  }
}

}  // namespace

TEST_CASE("tiles of any size give the sorted rows, ties to the lower row") {
  const RowGroups everyone;
  for (const std::size_t size : {1, 7, 33, 64, 100})
    for (const double levels : {3.0, 1e6}) {
      const Similarities s = random_similarities(100, size, levels);
      TopLists<float> lists(100, 5, everyone);
      add_tiles(lists, s, size, 0, 1);
      check_lists(lists, s, everyone);
    }
}

TEST_CASE("rows without a common group are never neighbours") {
  Random random(3);
  RowGroups groups{{}, 2};
  for (std::size_t i = 0; i < 120; ++i)
    groups.bits.push_back(std::uint64_t{1} << static_cast<int>(uniform(random) * 6));
  const Similarities s = random_similarities(60, 4, 10);
  TopLists<float> lists(60, 4, groups);
  add_tiles(lists, s, 16, 0, 1);
  check_lists(lists, s, groups);
}

TEST_CASE("lists do not depend on threads or on the order of tiles") {
  const RowGroups everyone;
  const Similarities s = random_similarities(90, 5, 20);
  TopLists<float> lists(90, 6, everyone);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < 4; ++t) threads.emplace_back([&, t] { add_tiles(lists, s, 8, 3 - t, 4); });
  for (auto& thread : threads) thread.join();
  check_lists(lists, s, everyone);
}

TEST_CASE("queries may be any rows") {
  const RowGroups everyone;
  const Similarities s = random_similarities(50, 6, 8);
  TopLists<float> lists(50, 5, everyone);
  std::vector<std::int64_t> odd_first;
  for (std::int64_t u = 1; u < 50; u += 2) odd_first.push_back(u);
  for (std::int64_t u = 0; u < 50; u += 2) odd_first.push_back(u);
  for (std::size_t b = 0; b < 50; b += 20) {
    const std::size_t n_b = std::min<std::size_t>(20, 50 - b);
    std::vector<float> values;
    for (const std::int64_t u : odd_first) {
      const auto row = s.tile(static_cast<std::size_t>(u), 1, b, n_b);
      values.insert(values.end(), row.begin(), row.end());
    }
    lists.add(values, odd_first, b);
  }
  check_lists(lists, s, everyone);
}

TEST_CASE("a pair that is added twice stands once") {
  const RowGroups everyone;
  TopLists<double> lists(3, 2, everyone);
  const std::vector<std::int64_t> u{0, 1, 0, 2};
  const std::vector<std::int64_t> v{1, 0, 2, 2};
  lists.add(u, v, std::vector<double>{0.5, 0.5, 0.25, 1});
  CHECK(std::vector<RowId>(lists.ids().begin(), lists.ids().end()) == std::vector<RowId>{1, 2, 0, -1, 0, -1});
  CHECK(lists.last(std::vector<std::int64_t>{0})[0] == 0.25);
  CHECK(lists.last(std::vector<std::int64_t>{1})[0] == -std::numeric_limits<double>::infinity());
}

TEST_CASE("restored lists go on where they were") {
  const RowGroups everyone;
  const Similarities s = random_similarities(40, 7, 5);
  TopLists<float> first(40, 4, everyone);
  add_tiles(first, s, 16, 0, 2);
  TopLists<float> second(40, 4, everyone);
  second.restore(first.similarities(), first.ids());
  add_tiles(second, s, 16, 1, 2);
  check_lists(second, s, everyone);
}

TEST_CASE("pairs_above finds every pair that reaches the threshold of one of its rows") {
  const RowGroups everyone;
  const Similarities s = random_similarities(70, 8, 50);
  Random random(9);
  std::vector<float> least;
  for (std::size_t u = 0; u < 70; ++u) least.push_back(static_cast<float>(uniform(random)));
  const auto values = s.tile(0, 70, 0, 70);
  const RowPairs pairs = pairs_above({values, 0, 70, 0, 70}, least, least, {}, everyone);
  std::size_t i = 0;
  for (std::size_t u = 0; u < 70; ++u)
    for (std::size_t v = u + 1; v < 70; ++v) {
      if (s.at(u, v) < std::min(least[u], least[v])) continue;
      REQUIRE(i < pairs.u.size());
      CHECK(pairs.u[i] == static_cast<std::int64_t>(u));
      CHECK(pairs.v[i] == static_cast<std::int64_t>(v));
      ++i;
    }
  CHECK(i == pairs.u.size());
}

TEST_CASE("a tail takes away pairs, but none whose similarity reaches the threshold") {
  // Rows of 2 + 128 coordinates; the first bound knows two, each block 64 more, nothing is left then.
  constexpr std::size_t n = 20;
  Random random(10);
  std::vector<std::vector<float>> rows(n);
  for (auto& row : rows)
    for (std::size_t i = 0; i < 130; ++i) row.push_back(static_cast<float>(uniform(random) - 0.5));
  const auto product = [&](std::size_t u, std::size_t v, std::size_t first) {
    float sum = 0;
    for (std::size_t i = first; i < 130; ++i) sum += rows[u][i] * rows[v][i];
    return sum;
  };
  std::vector<float> rest, coordinates, bound;
  for (std::size_t u = 0; u < n; ++u) {
    for (const std::size_t first : {2, 66, 130}) rest.push_back(std::sqrt(product(u, u, first)));
    coordinates.insert(coordinates.end(), rows[u].begin() + 2, rows[u].end());
    coordinates.insert(coordinates.end(), 3, 1e9F);  // beyond the blocks: never read
  }
  for (std::size_t u = 0; u < n; ++u)
    for (std::size_t v = 0; v < n; ++v)
      bound.push_back(rows[u][0] * rows[v][0] + rows[u][1] * rows[v][1] + rest[3 * u] * rest[3 * v]);
  const RowGroups everyone;
  const TailRows tail{rest, coordinates, 131};
  const std::vector<float> least(n, 1.5F);
  const RowPairs rough = pairs_above({bound, 0, n, 0, n}, least, least, {}, everyone);
  const RowPairs closer = pairs_above({bound, 0, n, 0, n}, least, least, {2, tail, tail}, everyone);
  CHECK(closer.u.size() < rough.u.size());
  std::size_t expected = 0;
  for (std::size_t u = 0; u < n; ++u)
    for (std::size_t v = u + 1; v < n; ++v) {
      const float similarity = product(u, v, 0);
      const bool found = [&] {
        for (std::size_t i = 0; i < closer.u.size(); ++i)
          if (closer.u[i] == static_cast<std::int64_t>(u) && closer.v[i] == static_cast<std::int64_t>(v)) return true;
        return false;
      }();
      if (std::abs(similarity - 1.5F) > 1e-4F) CHECK(found == (similarity > 1.5F));
      expected += similarity > 1.5F;
    }
  CHECK(expected > 0);
}

TEST_CASE("lists of a part of the rows are those of the whole") {
  const RowGroups everyone;
  constexpr std::size_t n = 12, begin = 4, end = 7;
  TopLists<float> whole(n, 3, everyone), part(end - begin, 3, everyone);
  std::vector<float> values;
  std::vector<std::int64_t> queries;
  for (std::size_t u = begin; u < end; ++u) {
    queries.push_back(static_cast<std::int64_t>(u));
    for (std::size_t v = 0; v < n; ++v) values.push_back(static_cast<float>((u * v) % 5));  // with ties
  }
  whole.add(values, queries, 0);
  part.add(values, queries, 0, begin);
  for (std::size_t i = 0; i < (end - begin) * 3; ++i) {
    CHECK(part.ids()[i] == whole.ids()[begin * 3 + i]);
    CHECK(part.similarities()[i] == whole.similarities()[begin * 3 + i]);
  }
  const std::vector<std::int64_t> outside{static_cast<std::int64_t>(end)};
  CHECK_THROWS_WITH_AS(part.add(std::vector<float>(n), outside, 0, begin), doctest::Contains("does not exist"),
                       std::invalid_argument);
  const RowGroups groups{std::vector<std::uint64_t>(3, 1), 1};
  TopLists<float> grouped(3, 1, groups);
  CHECK_THROWS_WITH_AS(grouped.add(std::vector<float>(n), std::vector<std::int64_t>{4}, 0, begin),
                       "lists of a part of the rows have no groups", std::invalid_argument);
}

TEST_CASE("tiles that overlap the diagonal off its centre are rejected") {
  const RowGroups everyone;
  TopLists<float> lists(4, 1, everyone);
  const std::vector<float> values(4);
  CHECK_THROWS_WITH_AS(lists.add(Tile{values, 0, 2, 1, 2}),
                       "a tile must have n_a * n_b entries and lie off the diagonal or centred on it",
                       std::invalid_argument);
}

TEST_CASE("tiles outside the matrix are rejected") {
  const RowGroups everyone;
  TopLists<float> lists(3, 1, everyone);
  const std::vector<float> values(4);
  CHECK_THROWS_WITH_AS(lists.add(Tile{values, 0, 2, 2, 2}), "the tile ends after the last row", std::invalid_argument);
}

TEST_CASE("lists of length 0 are rejected") {
  const RowGroups everyone;
  CHECK_THROWS_WITH_AS(TopLists<float>(3, 0, everyone), "length is 0; a list needs at least one entry",
                       std::invalid_argument);
}

}  // namespace liid_cut::test
