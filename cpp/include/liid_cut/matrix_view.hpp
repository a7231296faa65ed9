// Read-only view of a matrix of floating-point numbers in any common format and memory order.
//
// Probabilities and features reach us as float16, float32 or float64, C or Fortran order, often as memory maps;
// reading them through this view avoids a copy in double of the whole matrix.
#pragma once

#include <cstddef>
#include <span>

namespace liid_cut {

enum class ScalarType { float16, float32, float64 };

class MatrixView {
 public:
  // Strides in bytes; elements may be unaligned.
  MatrixView(const void* data, ScalarType type, std::size_t n_rows, std::size_t n_columns, std::ptrdiff_t row_stride,
             std::ptrdiff_t column_stride);
  // Row-major doubles. Precondition: values.size() == n_rows * n_columns.
  MatrixView(std::span<const double> values, std::size_t n_rows, std::size_t n_columns);

  std::size_t n_rows() const { return n_rows_; }
  std::size_t n_columns() const { return n_columns_; }

  // Converts one row to double, exactly. Precondition: out.size() == n_columns().
  void read_row(std::size_t row, std::span<double> out) const;

 private:
  const std::byte* data_;
  ScalarType type_;
  std::size_t n_rows_;
  std::size_t n_columns_;
  std::ptrdiff_t row_stride_;
  std::ptrdiff_t column_stride_;
};

}  // namespace liid_cut
