// Reading rows of float16, float32 and float64 matrices as doubles; see liid_cut/matrix_view.hpp.
#include "liid_cut/matrix_view.hpp"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

namespace liid_cut {
namespace {

template <class T>
T load(const std::byte* p) {
  T value;
  std::memcpy(&value, p, sizeof value);
  return value;
}

// Rows of adjacent elements are the common case, and the compiler converts several of them at a time.
template <class T>
void read(const std::byte* p, std::ptrdiff_t stride, std::span<double> out) {
  if (stride == sizeof(T)) {
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<double>(load<T>(p + i * sizeof(T)));
  } else {
    for (double& x : out) {
      x = static_cast<double>(load<T>(p));
      p += stride;
    }
  }
}

// IEEE 754 binary16: 1 sign, 5 exponent, 10 mantissa bits.
double half_to_double(std::uint16_t bits) {
  const int exponent = (bits >> 10) & 0x1f;
  const int mantissa = bits & 0x3ff;
  double magnitude;
  if (exponent == 0x1f) {
    magnitude = mantissa == 0 ? std::numeric_limits<double>::infinity() : std::numeric_limits<double>::quiet_NaN();
  } else if (exponent == 0) {
    magnitude = std::ldexp(mantissa, -24);
  } else {
    magnitude = std::ldexp(mantissa + 0x400, exponent - 25);
  }
  return (bits & 0x8000) != 0 ? -magnitude : magnitude;
}

}  // namespace

MatrixView::MatrixView(const void* data, ScalarType type, std::size_t n_rows, std::size_t n_columns,
                       std::ptrdiff_t row_stride, std::ptrdiff_t column_stride)
    : data_(static_cast<const std::byte*>(data)),
      type_(type),
      n_rows_(n_rows),
      n_columns_(n_columns),
      row_stride_(row_stride),
      column_stride_(column_stride) {}

MatrixView::MatrixView(std::span<const double> values, std::size_t n_rows, std::size_t n_columns)
    : MatrixView(values.data(), ScalarType::float64, n_rows, n_columns,
                 static_cast<std::ptrdiff_t>(n_columns * sizeof(double)), sizeof(double)) {}

void MatrixView::read_row(std::size_t row, std::span<double> out) const {
  const std::byte* p = data_ + static_cast<std::ptrdiff_t>(row) * row_stride_;
  switch (type_) {
    case ScalarType::float16:
      for (double& x : out) {
        x = half_to_double(load<std::uint16_t>(p));
        p += column_stride_;
      }
      return;
    case ScalarType::float32: return read<float>(p, column_stride_, out);
    case ScalarType::float64: return read<double>(p, column_stride_, out);
  }
}

}  // namespace liid_cut
