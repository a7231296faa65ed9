// Cosines of given pairs in double; see liid_cut/similarity.hpp.
#include "liid_cut/similarity.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>

#include "graph/dot.hpp"
#include "simd.hpp"

namespace liid_cut {
namespace {

// Largest entries within 2^-300 to 2^300 have squares, and sums of them, well inside double's range.
constexpr int safe_exponent = 300;

LIID_SIMD double dot(const double* x, const double* y, std::size_t n) { return dot_in_lanes(x, y, n); }

std::uint64_t fingerprint(std::span<const double> values) {
  std::uint64_t hash = 0x9e3779b97f4a7c15U;
  for (const double x : values) {
    hash = (hash ^ std::bit_cast<std::uint64_t>(x + 0.0)) * 0xd6e8feb86659fd93U;  // + 0.0: -0 equals 0
    hash ^= hash >> 32;
  }
  return hash;
}

std::size_t check_row(std::int64_t row, std::size_t n_rows) {
  if (row < 0 || static_cast<std::size_t>(row) >= n_rows)
    throw std::invalid_argument("row " + std::to_string(row) + " does not exist; features has " +
                                std::to_string(n_rows) + " rows");
  return static_cast<std::size_t>(row);
}

double largest_magnitude(std::span<const double> values) {
  double largest = 0;
  for (const double x : values) {
    if (!std::isfinite(x)) return std::numeric_limits<double>::quiet_NaN();
    largest = std::max(largest, std::abs(x));
  }
  return largest;
}

}  // namespace

CosineRows::CosineRows(const MatrixView& features)
    : features_(features),
      lengths_(features.n_rows()),
      fingerprints_(features.n_rows()),
      exponents_(features.n_rows()) {}

CosineRows::CosineRows(const MatrixView& features, std::vector<std::int64_t> index)
    : features_(features),
      index_(std::move(index)),
      lengths_(index_.size()),
      fingerprints_(index_.size()),
      exponents_(index_.size()) {
  for (const std::int64_t row : index_) check_row(row, features.n_rows());
}

void CosineRows::measure(std::size_t begin, std::size_t end, bool with_fingerprints) {
  std::vector<double> row(n_columns());
  for (std::size_t u = begin; u < end; ++u) {
    exponents_[u] = 0;
    read_scaled(u, row);
    if (with_fingerprints) fingerprints_[u] = fingerprint(row);
    const double largest = largest_magnitude(row);
    if (!(largest > 0)) {
      lengths_[u] = largest;
      continue;
    }
    const int exponent = std::ilogb(largest);
    if (std::abs(exponent) > safe_exponent) {
      exponents_[u] = exponent;
      read_scaled(u, row);
    }
    lengths_[u] = std::sqrt(dot(row.data(), row.data(), row.size()));
  }
}

template <class Real>
void CosineRows::unit_rows(std::span<const std::int64_t> ids, std::span<Real> out) const {
  if (out.size() != ids.size() * n_columns())
    throw std::invalid_argument("out must have one row of n_columns entries for each id");
  std::vector<double> row(n_columns());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const std::size_t u = check_row(ids[i], n_rows());
    read_scaled(u, row);
    const double scale = lengths_[u] > 0 ? 1 / lengths_[u] : 0;
    Real* unit = out.data() + i * row.size();
    for (std::size_t j = 0; j < row.size(); ++j) unit[j] = static_cast<Real>(row[j] * scale);
  }
}

template void CosineRows::unit_rows(std::span<const std::int64_t> ids, std::span<float> out) const;
template void CosineRows::unit_rows(std::span<const std::int64_t> ids, std::span<double> out) const;

void CosineRows::cosines(std::span<const std::int64_t> u, std::span<const std::int64_t> v,
                         std::span<double> out) const {
  if (u.size() != v.size() || u.size() != out.size())
    throw std::invalid_argument("u, v and out must have equal lengths");
  std::vector<double> x(n_columns());
  std::vector<double> y(n_columns());
  std::int64_t read = -1;
  for (std::size_t i = 0; i < u.size(); ++i) {
    const std::size_t a = check_row(u[i], n_rows());
    if (v[i] < 0) {
      out[i] = -std::numeric_limits<double>::infinity();
      continue;
    }
    const std::size_t b = check_row(v[i], n_rows());
    if (read != u[i]) {
      read_scaled(a, x);
      read = u[i];
    }
    read_scaled(b, y);
    const double lengths = lengths_[a] * lengths_[b];
    out[i] = lengths > 0 ? std::clamp(dot(x.data(), y.data(), x.size()) / lengths, -1.0, 1.0) : 0.0;
  }
}

void CosineRows::read_scaled(std::size_t row, std::span<double> out) const {
  features_.read_row(index_.empty() ? row : static_cast<std::size_t>(index_[row]), out);
  if (exponents_[row] != 0)
    for (double& x : out) x = std::ldexp(x, -exponents_[row]);
}

}  // namespace liid_cut
