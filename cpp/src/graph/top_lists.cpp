// Nearest rows from tiles of a similarity matrix; see liid_cut/top_lists.hpp.
//
// A tile is compared, some entries at a time, with the least similarity that its rows and columns still take; only the
// few entries that pass are looked at one by one. A thread works on copies of the lists and merges them at the end, so
// that it holds the lock for moments only.
#include "liid_cut/top_lists.hpp"

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <string>

#include "graph/dot.hpp"
#include "simd.hpp"

namespace liid_cut {
namespace {

constexpr std::size_t chunk = 32;
constexpr RowId nobody = -1;

template <class Similarity>
bool better(Similarity s, RowId id, Similarity other, RowId other_id) {
  return s > other || (s == other && (other_id == nobody || id < other_id));
}

// Inserts in order, dropping the last entry; an id that stands there already is left alone.
template <class Similarity>
void insert(Similarity* similarities, RowId* ids, std::size_t length, Similarity s, RowId id) {
  if (!better(s, id, similarities[length - 1], ids[length - 1])) return;
  std::size_t i = length - 1;
  for (std::size_t j = 0; j < length; ++j)
    if (ids[j] == id) return;
  for (; i > 0 && better(s, id, similarities[i - 1], ids[i - 1]); --i) {
    similarities[i] = similarities[i - 1];
    ids[i] = ids[i - 1];
  }
  similarities[i] = s;
  ids[i] = id;
}

void check(const Tile& tile) {
  const bool apart = tile.a + tile.n_a <= tile.b || tile.b + tile.n_b <= tile.a;
  const bool diagonal = tile.a == tile.b && tile.n_a == tile.n_b;
  if (tile.similarities.size() != tile.n_a * tile.n_b || !(apart || diagonal))
    throw std::invalid_argument("a tile must have n_a * n_b entries and lie off the diagonal or centred on it");
}

// The first chunk from `begin` on, up to `end`, with an entry that reaches the row's or its column's least value; or
// where the last whole chunk ends. Written without branches inside a chunk: vectorises.
LIID_SIMD std::size_t next_chunk(const float* s, float least, const float* least_of_column, std::size_t begin,
                                 std::size_t end) {
  for (; begin + chunk <= end; begin += chunk) {
    int any = 0;
    for (std::size_t j = begin; j < begin + chunk; ++j) any |= s[j] >= std::min(least, least_of_column[j]);
    if (any != 0) break;
  }
  return begin;
}

// Calls visit(i, j, s) for entries of the tile that reach the least value of their row or column. `visit` may raise
// those values as it goes.
template <class Visit>
void scan(const Tile& tile, const std::vector<float>& least_a, const std::vector<float>& least_b, Visit visit) {
  const bool diagonal = tile.a == tile.b;
  for (std::size_t i = 0; i < tile.n_a; ++i) {
    const float* s = tile.similarities.data() + i * tile.n_b;
    const auto look = [&](std::size_t begin, std::size_t end) {
      for (std::size_t j = begin; j < end; ++j)
        if (s[j] >= least_a[i] || s[j] >= least_b[j]) visit(i, j, s[j]);
    };
    std::size_t j = diagonal ? i + 1 : 0;
    while ((j = next_chunk(s, least_a[i], least_b.data(), j, tile.n_b)) + chunk <= tile.n_b) {
      look(j, j + chunk);
      j += chunk;
    }
    look(j, tile.n_b);
  }
}

// Copies of the lists of some rows.
class LocalLists {
 public:
  LocalLists(std::span<const float> similarities, std::span<const RowId> ids, std::size_t first, std::size_t n_rows,
             std::size_t length)
      : length_(length),
        similarities_(similarities.begin() + static_cast<std::ptrdiff_t>(first * length),
                      similarities.begin() + static_cast<std::ptrdiff_t>((first + n_rows) * length)),
        ids_(ids.begin() + static_cast<std::ptrdiff_t>(first * length),
             ids.begin() + static_cast<std::ptrdiff_t>((first + n_rows) * length)),
        least_(n_rows) {
    for (std::size_t i = 0; i < n_rows; ++i) least_[i] = similarities_[(i + 1) * length - 1];
  }

  const std::vector<float>& least() const { return least_; }

  void offer(std::size_t i, float s, RowId id) {
    insert(&similarities_[i * length_], &ids_[i * length_], length_, s, id);
    least_[i] = similarities_[(i + 1) * length_ - 1];
  }

  // Moves the entries from rows [first_new, last_new) into the lists that the copies were taken from.
  void merge(float* similarities, RowId* ids, std::size_t first_new, std::size_t last_new) const {
    for (std::size_t e = 0; e < ids_.size(); ++e) {
      const bool is_new = ids_[e] >= static_cast<RowId>(first_new) && ids_[e] < static_cast<RowId>(last_new);
      const std::size_t start = e / length_ * length_;
      if (is_new) insert(similarities + start, ids + start, length_, similarities_[e], ids_[e]);
    }
  }

 private:
  std::size_t length_;
  std::vector<float> similarities_;
  std::vector<RowId> ids_;
  std::vector<float> least_;
};

LIID_SIMD float dot(const float* x, const float* y, std::size_t n) { return dot_in_lanes(x, y, n); }

// Whether the bound still reaches `least` when more and more coordinates are known.
bool tail_reaches(float bound, const TailBound& tail, std::size_t i, std::size_t j, float least) {
  if (tail.n_blocks == 0) return true;
  const float* rest_a = &tail.a.rest[i * (tail.n_blocks + 1)];
  const float* rest_b = &tail.b.rest[j * (tail.n_blocks + 1)];
  const float* x = &tail.a.coordinates[i * tail.a.stride];
  const float* y = &tail.b.coordinates[j * tail.b.stride];
  float known = bound - rest_a[0] * rest_b[0];
  for (std::size_t block = 0; block < tail.n_blocks; ++block) {
    known += dot(x + block * tail_block, y + block * tail_block, tail_block);
    if (known + rest_a[block + 1] * rest_b[block + 1] < least) return false;
  }
  return true;
}

}  // namespace

bool RowGroups::share(std::size_t u, std::size_t v) const {
  if (n_words == 0) return true;
  for (std::size_t w = 0; w < n_words; ++w)
    if ((bits[u * n_words + w] & bits[v * n_words + w]) != 0) return true;
  return false;
}

template <class Similarity>
TopLists<Similarity>::TopLists(std::size_t n_rows, std::size_t length, const RowGroups& groups)
    : n_rows_(n_rows),
      length_(length),
      groups_(groups),
      similarities_(n_rows * length, -std::numeric_limits<Similarity>::infinity()),
      ids_(n_rows * length, nobody) {
  if (length == 0) throw std::invalid_argument("length is 0; a list needs at least one entry");
  if (groups.bits.size() != n_rows * groups.n_words)
    throw std::invalid_argument("groups must have n_words words for every row");
}

template <>
void TopLists<float>::add(const Tile& tile) {
  check(tile);
  if (std::max(tile.a + tile.n_a, tile.b + tile.n_b) > n_rows_)
    throw std::invalid_argument("the tile ends after the last row");
  const bool diagonal = tile.a == tile.b;
  std::unique_lock lock(mutex_);
  LocalLists rows(similarities_, ids_, tile.a, tile.n_a, length_);
  LocalLists columns(similarities_, ids_, tile.b, diagonal ? 0 : tile.n_b, length_);
  lock.unlock();

  LocalLists& mirrored = diagonal ? rows : columns;
  scan(tile, rows.least(), mirrored.least(), [&](std::size_t i, std::size_t j, float s) {
    if (!groups_.share(tile.a + i, tile.b + j)) return;
    rows.offer(i, s, static_cast<RowId>(tile.b + j));
    mirrored.offer(j, s, static_cast<RowId>(tile.a + i));
  });

  lock.lock();
  rows.merge(&similarities_[tile.a * length_], &ids_[tile.a * length_], tile.b, tile.b + tile.n_b);
  if (!diagonal) columns.merge(&similarities_[tile.b * length_], &ids_[tile.b * length_], tile.a, tile.a + tile.n_a);
}

template <>
void TopLists<float>::add(std::span<const float> similarities, std::span<const std::int64_t> queries, std::size_t b,
                          std::optional<std::size_t> first) {
  const std::size_t n_b = queries.empty() ? 0 : similarities.size() / queries.size();
  const std::size_t end = first ? static_cast<std::size_t>(std::numeric_limits<RowId>::max()) : n_rows_;
  const std::size_t offset = first.value_or(0);
  if (n_b * queries.size() != similarities.size() || b + n_b > end)
    throw std::invalid_argument("similarities must have one row for each query, and end at the last row");
  if (first && groups_.n_words != 0) throw std::invalid_argument("lists of a part of the rows have no groups");
  const std::vector<float> nothing_reaches(n_b, std::numeric_limits<float>::infinity());
  std::vector<float> list(length_);
  std::vector<RowId> ids(length_);
  for (std::size_t i = 0; i < queries.size(); ++i) {
    const std::size_t u = checked(queries[i] - static_cast<std::int64_t>(offset));
    const auto start = static_cast<std::ptrdiff_t>(u * length_);
    {
      const std::scoped_lock lock(mutex_);
      std::copy_n(similarities_.begin() + start, length_, list.begin());
      std::copy_n(ids_.begin() + start, length_, ids.begin());
    }
    std::vector<float> least{list[length_ - 1]};
    bool changed = false;
    // A tile of one row; the position after its columns keeps it off the diagonal.
    scan({similarities.subspan(i * n_b, n_b), b + n_b, 1, b, n_b}, least, nothing_reaches,
         [&](std::size_t, std::size_t j, float s) {
           if (b + j == offset + u || !groups_.share(u, b + j)) return;
           insert(list.data(), ids.data(), length_, s, static_cast<RowId>(b + j));
           least[0] = list[length_ - 1];
           changed = true;
         });
    if (!changed) continue;
    const std::scoped_lock lock(mutex_);
    for (std::size_t j = 0; j < length_; ++j)
      if (ids[j] >= static_cast<RowId>(b) && ids[j] < static_cast<RowId>(b + n_b))
        insert(&similarities_[u * length_], &ids_[u * length_], length_, list[j], ids[j]);
  }
}

template <class Similarity>
void TopLists<Similarity>::add(std::span<const std::int64_t> u, std::span<const std::int64_t> v,
                               std::span<const Similarity> similarities) {
  if (u.size() != v.size() || u.size() != similarities.size())
    throw std::invalid_argument("u, v and similarities must have equal lengths");
  const std::scoped_lock lock(mutex_);
  for (std::size_t i = 0; i < u.size(); ++i) {
    const std::size_t a = checked(u[i]);
    const std::size_t b = checked(v[i]);
    if (a == b || !groups_.share(a, b)) continue;
    insert(&similarities_[a * length_], &ids_[a * length_], length_, similarities[i], static_cast<RowId>(b));
    insert(&similarities_[b * length_], &ids_[b * length_], length_, similarities[i], static_cast<RowId>(a));
  }
}

template <class Similarity>
void TopLists<Similarity>::restore(std::span<const Similarity> similarities, std::span<const RowId> ids) {
  if (similarities.size() != similarities_.size() || ids.size() != ids_.size())
    throw std::invalid_argument("similarities and ids must have n_rows * length entries");
  similarities_.assign(similarities.begin(), similarities.end());
  ids_.assign(ids.begin(), ids.end());
}

template <class Similarity>
std::vector<Similarity> TopLists<Similarity>::last(std::span<const std::int64_t> rows) const {
  std::vector<Similarity> result;
  result.reserve(rows.size());
  const std::scoped_lock lock(mutex_);
  for (const std::int64_t u : rows) result.push_back(similarities_[(checked(u) + 1) * length_ - 1]);
  return result;
}

template <class Similarity>
std::size_t TopLists<Similarity>::checked(std::int64_t row) const {
  if (row < 0 || static_cast<std::size_t>(row) >= n_rows_)
    throw std::invalid_argument("row " + std::to_string(row) + " does not exist; there are " + std::to_string(n_rows_));
  return static_cast<std::size_t>(row);
}

template class TopLists<float>;
template class TopLists<double>;

RowPairs pairs_above(const Tile& tile, std::span<const float> thresholds_a, std::span<const float> thresholds_b,
                     const TailBound& tail, const RowGroups& groups) {
  check(tile);
  if (thresholds_a.size() != tile.n_a || thresholds_b.size() != tile.n_b)
    throw std::invalid_argument("thresholds must have one entry for each row of the tile");
  for (const TailRows* rows : {&tail.a, &tail.b}) {
    const std::size_t n = rows == &tail.a ? tile.n_a : tile.n_b;
    if (tail.n_blocks > 0 &&
        (rows->stride < tail.n_blocks * tail_block || rows->coordinates.size() != n * rows->stride ||
         rows->rest.size() != n * (tail.n_blocks + 1)))
      throw std::invalid_argument("a tail must have a row of blocks, and one rest more, for each row of the tile");
  }
  const std::vector<float> least_a(thresholds_a.begin(), thresholds_a.end());
  const std::vector<float> least_b(thresholds_b.begin(), thresholds_b.end());
  RowPairs pairs;
  scan(tile, least_a, least_b, [&](std::size_t i, std::size_t j, float bound) {
    if (!groups.share(tile.a + i, tile.b + j)) return;
    if (!tail_reaches(bound, tail, i, j, std::min(least_a[i], least_b[j]))) return;
    pairs.u.push_back(static_cast<std::int64_t>(tile.a + i));
    pairs.v.push_back(static_cast<std::int64_t>(tile.b + j));
  });
  return pairs;
}

}  // namespace liid_cut
