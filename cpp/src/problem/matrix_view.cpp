// Reading rows of float16, float32 and float64 matrices as doubles; see liid_cut/matrix_view.hpp.
#include "liid_cut/matrix_view.hpp"

#include <bit>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "simd.hpp"

namespace liid_cut {
namespace {

template <class T>
T load(const std::byte* p) {
  T value;
  std::memcpy(&value, p, sizeof value);
  return value;
}

// IEEE 754 binary16: 1 sign, 5 exponent, 10 mantissa bits. Exact, and without branches: vectorises.
inline double half_to_double(std::uint16_t bits) {
  const auto magnitude_bits = static_cast<std::uint32_t>(bits & 0x7fff);
  // The bits as those of a float whose exponent is too small by 112, denormals included.
  const float magnitude = std::bit_cast<float>(magnitude_bits << 13) * 0x1p112f;
  const float special = std::bit_cast<float>((magnitude_bits << 13) | 0x7f800000U);
  const float value = magnitude_bits >= 0x7c00 ? special : magnitude;
  return static_cast<double>((bits & 0x8000) != 0 ? -value : value);
}

inline double widen(float value) { return static_cast<double>(value); }
inline double widen(double value) { return value; }
inline double widen(std::uint16_t half) { return half_to_double(half); }

LIID_SIMD void read_adjacent(std::type_identity<std::uint16_t>, const std::byte* p, double* out, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) out[i] = widen(load<std::uint16_t>(p + i * sizeof(std::uint16_t)));
}
LIID_SIMD void read_adjacent(std::type_identity<float>, const std::byte* p, double* out, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) out[i] = widen(load<float>(p + i * sizeof(float)));
}
void read_adjacent(std::type_identity<double>, const std::byte* p, double* out, std::size_t n) {
  std::memcpy(out, p, n * sizeof(double));
}

template <class T>
void read(const std::byte* p, std::ptrdiff_t step, std::span<double> out) {
  if (step == sizeof(T)) return read_adjacent(std::type_identity<T>{}, p, out.data(), out.size());
  for (double& x : out) {
    x = widen(load<T>(p));
    p += step;
  }
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
    case ScalarType::float16: return read<std::uint16_t>(p, column_stride_, out);
    case ScalarType::float32: return read<float>(p, column_stride_, out);
    case ScalarType::float64: return read<double>(p, column_stride_, out);
  }
}

}  // namespace liid_cut
