// What a run of a fuzzer did, counted by name and printed as one line of JSON when the process ends; and how it stops.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace liid_cut::fuzz {

// The counters of one fuzzer, in the order of their names.
template <std::size_t n>
class Tally {
 public:
  explicit Tally(const char* const (&names)[n]) : names_(names) {}
  ~Tally() {
    std::fputs("TALLY {", stderr);
    for (std::size_t i = 0; i < n; ++i)
      std::fprintf(stderr, "%s\"%s\": %llu", i == 0 ? "" : ", ", names_[i],
                   static_cast<unsigned long long>(counts_[i]));
    std::fputs("}\n", stderr);
  }
  std::uint64_t& operator[](std::size_t i) { return counts_[i]; }

 private:
  const char* const (&names_)[n];
  std::uint64_t counts_[n] = {};
};

// What is wrong is printed, and the fuzzer keeps the input.
[[noreturn]] inline void fail(const std::string& why) {
  std::fprintf(stderr, "WRONG: %s\n", why.c_str());
  std::abort();
}
inline void require(bool condition, const char* why) {
  if (!condition) fail(why);
}

}  // namespace liid_cut::fuzz
