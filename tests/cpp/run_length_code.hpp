// Run-length codes of masks, written as the format's description has it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace liid_cut::test {

using Pixels = std::vector<bool>;  // down the columns

// The code of runs, the first of them off.
inline std::string code_of(const std::vector<std::int64_t>& runs) {
  std::string code;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    std::int64_t value = i > 2 ? runs[i] - runs[i - 2] : runs[i];
    for (bool more = true; more;) {
      const std::int64_t digit = value & 31;
      value >>= 5;
      more = (digit & 16) != 0 ? value != -1 : value != 0;
      code.push_back(static_cast<char>('0' + digit + (more ? 32 : 0)));
    }
  }
  return code;
}

inline std::string code_of(const Pixels& pixels) {
  std::vector<std::int64_t> runs{0};
  bool value = false;
  for (const bool pixel : pixels) {
    if (pixel != value) {
      runs.push_back(0);
      value = pixel;
    }
    ++runs.back();
  }
  return code_of(runs);
}

}  // namespace liid_cut::test
