// Inner products in interleaved partial sums: they vectorise, and the order of additions is fixed by the length alone.
#pragma once

#include <cstddef>

namespace liid_cut {

// For the body of a function that is marked LIID_SIMD: compiled for each of its instruction sets.
template <class Real>
#if defined(__GNUC__)
[[gnu::always_inline]]
#endif
inline Real dot_in_lanes(const Real* x, const Real* y, std::size_t n) {
  constexpr std::size_t lanes = 16;
  Real sum[lanes] = {};
  const std::size_t whole = n / lanes * lanes;
  for (std::size_t i = 0; i < whole; i += lanes)
    for (std::size_t j = 0; j < lanes; ++j) sum[j] += x[i + j] * y[i + j];
  for (std::size_t i = whole; i < n; ++i) sum[i - whole] += x[i] * y[i];
  for (std::size_t half = lanes / 2; half > 0; half /= 2)
    for (std::size_t j = 0; j < half; ++j) sum[j] += sum[j + half];
  return sum[0];
}

}  // namespace liid_cut
