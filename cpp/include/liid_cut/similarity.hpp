// Cosine similarities of given pairs, in double and always in the same order of additions.
//
// A neighbour search in single precision returns the same pair with other last bits when it stands elsewhere in a
// block, which would break ties at random. Candidates are therefore compared by these values: symmetric in their
// arguments to the last bit, equal for equal rows, unchanged by powers of two, whatever the thread count.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "liid_cut/matrix_view.hpp"

namespace liid_cut {

// Chosen rows of a matrix, which is read and never copied, and their lengths.
class CosineRows {
 public:
  // All rows, or those of `index`, in its order; ids below count them. `features` must outlive this object. No row has
  // a length before `measure` has seen it.
  explicit CosineRows(const MatrixView& features);
  // Throws std::invalid_argument on an entry that is no row.
  CosineRows(const MatrixView& features, std::vector<std::int64_t> index);

  std::size_t n_rows() const { return lengths_.size(); }
  std::size_t n_columns() const { return features_.n_columns(); }

  // Computes the lengths of rows [begin, end), and their fingerprints, which take longer; without them these are 0.
  // Disjoint ranges may be measured by several threads at once.
  void measure(std::size_t begin, std::size_t end, bool with_fingerprints = true);

  // Lengths of the rows (of extreme ones after division by a power of two): 0 for a zero row, NaN for one with an entry
  // that is not finite.
  std::span<const double> lengths() const { return lengths_; }

  // Equal for rows that are equal entry by entry, and hardly ever for others.
  std::span<const std::uint64_t> fingerprints() const { return fingerprints_; }

  // Rows `ids` scaled to length 1, rounded to float or double; zero rows stay zero.
  // Throws std::invalid_argument on an id that is no row, or unless out.size() == ids.size() * n_columns().
  template <class Real>
  void unit_rows(std::span<const std::int64_t> ids, std::span<Real> out) const;

  // out[i] = cos(u[i], v[i]) in [-1, 1]; -infinity where v[i] is negative, 0 where a row is zero.
  // Entries may be as large or small as double allows. Fastest where equal u stand together.
  // Throws std::invalid_argument on an id that is no row, or spans of different lengths.
  void cosines(std::span<const std::int64_t> u, std::span<const std::int64_t> v, std::span<double> out) const;

 private:
  void read_scaled(std::size_t row, std::span<double> out) const;

  MatrixView features_;
  std::vector<std::int64_t> index_;  // empty: all rows
  std::vector<double> lengths_;
  std::vector<std::uint64_t> fingerprints_;
  std::vector<int> exponents_;  // 0 unless squares of the row's entries could leave double's range
};

}  // namespace liid_cut
