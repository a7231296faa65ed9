// The input of a fuzzer as a stream of numbers: every sequence of bytes means something, and past its end it is zeros.
//
// Small changes of the bytes are small changes of the meaning, which is what a coverage-guided search wants.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

namespace liid_cut::fuzz {

// Kinds of weights. All values of one kind stand in one problem, so that ties and cancellation occur by themselves.
enum class Weights {
  quarters,    // 0, .25, ... 2: many ties, and sums without rounding
  hesitant,    // 0 and 1
  fractions,   // 0, 1/255, ... 1
  continuous,  // 16 bits of [0, 1]
  near_ties,   // differ by a few units in the last place
  decades,     // 1e-24 to 1e24
  extremes,    // zeros of both signs, denormals, up to 1e300
};
inline constexpr int kWeightKinds = 7;

class Bytes {
 public:
  Bytes(const std::uint8_t* data, std::size_t size) : left_(data, size) {}

  bool empty() const { return left_.empty(); }
  std::uint8_t next() {
    if (left_.empty()) return 0;
    const std::uint8_t byte = left_.front();
    left_ = left_.subspan(1);
    return byte;
  }
  int integer(int from, int to) { return from + next() % (to - from + 1); }  // at most 256 values

  double weight(Weights kind) {
    constexpr double kUnit = std::numeric_limits<double>::epsilon();
    constexpr std::array<double, 16> kNear{0,      .1,     .2,     .3,        .1 + .2, .6,        .7, 1 - kUnit,
                                           1 / 3., 2 / 3., .7 / 7, 1 + kUnit, 1,       2 - kUnit, 2,  3};
    constexpr std::array<double, 16> kExtremes{0, -0.0, 5e-324, 2.3e-308, 1e-300, 1e-30, 1e-9,  1e-3,
                                               1, 3,    1e9,    1e17,     1e30,   1e100, 1e200, 1e300};
    const std::uint8_t byte = next();
    switch (kind) {
      case Weights::quarters: return .25 * (byte % 9);
      case Weights::hesitant: return byte % 2;
      case Weights::fractions: return byte / 255.;
      case Weights::continuous: return (256 * byte + next()) / 65535.;
      case Weights::near_ties: return kNear[byte % kNear.size()];
      case Weights::decades: return byte == 0 ? 0 : std::pow(10., (byte % 49) - 24) * (1 + byte / 49);
      case Weights::extremes: return kExtremes[byte % kExtremes.size()];
    }
    return 0;
  }
  Weights weight_kind() { return static_cast<Weights>(integer(0, kWeightKinds - 1)); }

 private:
  std::span<const std::uint8_t> left_;
};

// A number of the whole input (FNV-1a, Fowler, Noll and Vo): which inputs get the dear checks.
inline std::uint64_t hash_of(const std::uint8_t* data, std::size_t size) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (std::size_t i = 0; i < size; ++i) hash = (hash ^ data[i]) * 0x100000001b3;
  return hash ^ (hash >> 32);
}

}  // namespace liid_cut::fuzz
