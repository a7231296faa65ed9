// The most similar other rows of every row, kept while blocks ("tiles") of a similarity matrix pass by.
//
// A similarity matrix is symmetric: the tile (A, B) serves the rows of A and those of B, so that a search of all pairs
// computes half of the products. Entries are ranked by (similarity, lower id), a strict order: the lists do not depend
// on the order of tiles or on how many threads add them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace liid_cut {

using RowId = std::int32_t;

// Sets of row groups as bits, n_words 64-bit words a row: two rows may be neighbours if they share a bit.
// No words: all may.
struct RowGroups {
  std::vector<std::uint64_t> bits;
  std::size_t n_words = 0;

  bool share(std::size_t u, std::size_t v) const;
};

// Similarities of rows [a, a + n_a) with rows [b, b + n_b), row-major.
struct Tile {
  std::span<const float> similarities;
  std::size_t a;
  std::size_t n_a;
  std::size_t b;
  std::size_t n_b;
};

template <class Similarity>
class TopLists {
 public:
  // `groups` has n_rows * n_words words, or none, and must outlive this object.
  TopLists(std::size_t n_rows, std::size_t length, const RowGroups& groups);

  std::size_t n_rows() const { return n_rows_; }
  std::size_t length() const { return length_; }

  // Adds every pair of a tile to the lists of both rows; of a tile with a == b the pairs above the diagonal.
  // No pair may be added twice. Several threads may add at once.
  // Throws std::invalid_argument on a tile outside the matrix, or one that overlaps the diagonal elsewhere.
  void add(const Tile& tile);

  // Adds pairs of rows `queries` (row-major, one row of similarities each) with rows from b on to the lists of the
  // queries alone. No pair may be added twice. Throws std::invalid_argument on an id that is no row.
  // With `first`, the lists are those of rows [first, first + n_rows) of a larger matrix, and any of its rows may be
  // compared with; there are no groups then.
  void add(std::span<const Similarity> similarities, std::span<const std::int64_t> queries, std::size_t b,
           std::optional<std::size_t> first = std::nullopt);

  // Adds v[i] to the list of u[i] and u[i] to that of v[i], where they share a group and do not stand there yet.
  void add(std::span<const std::int64_t> u, std::span<const std::int64_t> v, std::span<const Similarity> similarities);

  // Row-major (n_rows, length), each row in order; id -1 and similarity -infinity where nothing was added.
  std::span<const Similarity> similarities() const { return similarities_; }
  std::span<const RowId> ids() const { return ids_; }
  // The lists of an earlier object of the same size. Throws std::invalid_argument on another size.
  void restore(std::span<const Similarity> similarities, std::span<const RowId> ids);

  // The last similarity of the lists of some rows: what a newcomer has to reach.
  std::vector<Similarity> last(std::span<const std::int64_t> rows) const;

 private:
  std::size_t checked(std::int64_t row) const;

  std::size_t n_rows_;
  std::size_t length_;
  const RowGroups& groups_;
  std::vector<Similarity> similarities_;
  std::vector<RowId> ids_;
  mutable std::mutex mutex_;
};

// Rows (u, v) of pairs whose similarity may reach a threshold.
struct RowPairs {
  std::vector<std::int64_t> u;
  std::vector<std::int64_t> v;
};

constexpr std::size_t tail_block = 64;

// Closer upper bounds for a tile whose entries are bounds themselves: known coordinates by their product, the part of
// the rows outside them by the product of the lengths of those parts (Cauchy-Schwarz).
struct TailRows {
  std::span<const float> rest;         // (n, n_blocks + 1) length of what is left before and after each block
  std::span<const float> coordinates;  // (n, stride), the first n_blocks * tail_block of a row are used
  std::size_t stride = 0;              // powers of two make rows compete for the same lines of a cache
};
struct TailBound {
  std::size_t n_blocks = 0;  // 0: no closer bound
  TailRows a;
  TailRows b;
};

// Pairs of a tile (above the diagonal where a == b) that share a group, and whose bound reaches the threshold of at
// least one of their rows. `thresholds_a`, `thresholds_b`: by row of the tile.
RowPairs pairs_above(const Tile& tile, std::span<const float> thresholds_a, std::span<const float> thresholds_b,
                     const TailBound& tail, const RowGroups& groups);

}  // namespace liid_cut
