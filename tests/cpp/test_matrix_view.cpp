// Reading matrices of every format and memory order.
#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include "liid_cut/matrix_view.hpp"

namespace liid_cut::test {
namespace {

// Binary16 to binary32 by moving bits; the subnormal numbers by a subtraction that is exact. Shares no step with the
// decoder, which computes mantissa * 2^exponent.
double half_by_bits(std::uint16_t half) {
  const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000u) << 16;
  const std::uint32_t rest = half & 0x7fffu;
  if (rest < 0x0400u) {  // 2^-14 * (1 + m / 1024) - 2^-14
    const float magnitude = std::bit_cast<float>((113u << 23) | (rest << 13)) - std::bit_cast<float>(113u << 23);
    return static_cast<double>(sign != 0 ? -magnitude : magnitude);
  }
  const std::uint32_t bias = rest >= 0x7c00u ? (255u - 31u) << 23 : (127u - 15u) << 23;
  return static_cast<double>(std::bit_cast<float>(sign | ((rest << 13) + bias)));
}

std::vector<double> row_of(const MatrixView& matrix, std::size_t row) {
  std::vector<double> out(matrix.n_columns());
  matrix.read_row(row, out);
  return out;
}

}  // namespace

TEST_CASE("float16: all 65536 bit patterns") {
  std::vector<std::uint16_t> patterns(65536);
  for (std::size_t i = 0; i < patterns.size(); ++i) patterns[i] = static_cast<std::uint16_t>(i);
  const auto values = row_of(MatrixView(patterns.data(), ScalarType::float16, 1, patterns.size(), 0, 2), 0);
  int wrong = 0;
  for (std::size_t i = 0; i < patterns.size(); ++i) {
    const double expected = half_by_bits(patterns[i]);
    if (std::isnan(expected) ? !std::isnan(values[i])
                             : std::bit_cast<std::uint64_t>(values[i]) != std::bit_cast<std::uint64_t>(expected))
      ++wrong;
  }
  CHECK(wrong == 0);
}

TEST_CASE("float16: values from the standard's table") {
  const std::vector<std::uint16_t> bits{0x0000, 0x0001, 0x03ff, 0x0400, 0x3555, 0x3c00, 0x3c01, 0x7bff, 0xc000, 0xfc00};
  const auto values = row_of(MatrixView(bits.data(), ScalarType::float16, 1, bits.size(), 0, 2), 0);
  const std::vector<double> expected{0, 0x1p-24,      0x1.ff8p-15, 0x1p-14, 0x1.554p-2,
                                     1, 1.0009765625, 65504,       -2,      -std::numeric_limits<double>::infinity()};
  CHECK(values == expected);
}

TEST_CASE("float32 and float64 are read exactly") {
  const std::vector<float> singles{.1F, -3e38F, 1e-45F};
  CHECK(row_of(MatrixView(singles.data(), ScalarType::float32, 1, 3, 0, 4), 0) ==
        std::vector<double>{static_cast<double>(.1F), static_cast<double>(-3e38F), static_cast<double>(1e-45F)});
  const std::vector<double> doubles{.1, -1e308, 5e-324};
  CHECK(row_of(MatrixView(doubles, 1, 3), 0) == doubles);
}

TEST_CASE("rows of C order, Fortran order, every second element, and backwards") {
  const std::vector<double> a{0, 1, 2, 3, 4, 5};
  const auto type = ScalarType::float64;
  CHECK(row_of(MatrixView(a, 2, 3), 1) == std::vector<double>{3, 4, 5});
  CHECK(row_of(MatrixView(a.data(), type, 2, 3, 8, 16), 1) == std::vector<double>{1, 3, 5});
  CHECK(row_of(MatrixView(a.data(), type, 2, 2, 24, 16), 1) == std::vector<double>{3, 5});
  CHECK(row_of(MatrixView(&a[5], type, 2, 3, -24, -8), 1) == std::vector<double>{2, 1, 0});
  CHECK(row_of(MatrixView(a.data(), type, 9, 3, 0, 8), 8) == std::vector<double>{0, 1, 2});
}

TEST_CASE("elements may be unaligned") {
  std::vector<std::byte> bytes(1 + 3 * sizeof(double));
  const double values[3] = {.25, -1, 3};
  std::memcpy(&bytes[1], values, sizeof values);
  CHECK(row_of(MatrixView(&bytes[1], ScalarType::float64, 1, 3, 0, 8), 0) == std::vector<double>{.25, -1, 3});
}

TEST_CASE("a view knows its shape") {
  const std::vector<double> a{0, 1, 2, 3, 4, 5};
  CHECK(MatrixView(a, 3, 2).n_rows() == 3);
  CHECK(MatrixView(a, 3, 2).n_columns() == 2);
}

}  // namespace liid_cut::test
