// Cosines of given pairs in double; see liid_cut/similarity.hpp.
#include "liid_cut/similarity.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

namespace liid_cut {
namespace {

// Four interleaved partial sums: vectorises, and the order of additions is fixed by the length alone.
double dot(std::span<const double> x, std::span<const double> y) {
  double sum[4] = {0, 0, 0, 0};
  const std::size_t whole = x.size() / 4 * 4;
  for (std::size_t i = 0; i < whole; i += 4)
    for (std::size_t j = 0; j < 4; ++j) sum[j] += x[i + j] * y[i + j];
  for (std::size_t i = whole; i < x.size(); ++i) sum[0] += x[i] * y[i];
  return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

// Reads a row and scales it to length 1; dividing by the largest entry first keeps the squares in range.
class UnitRow {
 public:
  explicit UnitRow(std::size_t d) : values_(d) {}

  void read(const MatrixView& features, std::int64_t row) {
    if (row < 0 || static_cast<std::size_t>(row) >= features.n_rows())
      throw std::invalid_argument("row " + std::to_string(row) + " does not exist; features has " +
                                  std::to_string(features.n_rows()) + " rows");
    features.read_row(static_cast<std::size_t>(row), values_);
    double largest = 0;
    for (const double x : values_) largest = std::max(largest, std::abs(x));
    if (largest == 0) return;
    for (double& x : values_) x /= largest;
    const double length = std::sqrt(dot(values_, values_));
    for (double& x : values_) x /= length;
  }
  std::span<const double> values() const { return values_; }

 private:
  std::vector<double> values_;
};

}  // namespace

void pair_cosines(const MatrixView& features, std::span<const std::int64_t> queries,
                  std::span<const std::int64_t> candidates, std::span<double> out) {
  if (queries.empty()) return;
  if (candidates.size() % queries.size() != 0 || out.size() != candidates.size())
    throw std::invalid_argument("candidates and out must both have one row per query");
  const std::size_t per_query = candidates.size() / queries.size();
  UnitRow x(features.n_columns());
  UnitRow y(features.n_columns());
  for (std::size_t i = 0; i < queries.size(); ++i) {
    x.read(features, queries[i]);
    for (std::size_t j = i * per_query; j < (i + 1) * per_query; ++j) {
      if (candidates[j] < 0) {
        out[j] = -std::numeric_limits<double>::infinity();
        continue;
      }
      y.read(features, candidates[j]);
      out[j] = std::clamp(dot(x.values(), y.values()), -1.0, 1.0);
    }
  }
}

}  // namespace liid_cut
