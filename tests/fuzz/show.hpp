// A problem as C++ code for a test: LIID_FUZZ_SHOW=1 FUZZER INPUT prints what the bytes mean.
#pragma once

#include <cstdio>

#include "problem_bytes.hpp"

namespace liid_cut::fuzz {

inline void show(const Case& input) {
  const auto list = [](const auto& values) {
    std::fputs("{", stderr);
    for (std::size_t i = 0; i < values.size(); ++i)
      std::fprintf(stderr, "%s%.17g", i == 0 ? "" : ", ", static_cast<double>(values[i]));
    std::fputs("}", stderr);
  };
  std::fprintf(stderr, "Instance instance = make_instance(%d, ", input.n_labels);
  list(input.probs);
  std::fputs(", {", stderr);
  for (std::size_t e = 0; e < input.edges.size(); ++e)
    std::fprintf(stderr, "%s{%d, %d}", e == 0 ? "" : ", ", input.edges[e].u, input.edges[e].v);
  std::fputs("}, ", stderr);
  list(input.weights);
  std::fputs(");\n", stderr);
  if (!input.allowed.empty()) {
    std::fputs("allow_only(instance, ", stderr);
    list(input.allowed);
    std::fputs(");\n", stderr);
  }
  const Settings& settings = input.settings;
  std::fprintf(
      stderr,
      "method %d, time limit %g, debug_looks %lld, max_memory_bytes %zu, max_proof_bytes %zu, max_enumeration %lld, "
      "optimality_tolerance %g, invalid %d\n",
      static_cast<int>(settings.method), settings.time_limit_s, static_cast<long long>(settings.debug_looks),
      settings.max_memory_bytes, settings.max_proof_bytes, static_cast<long long>(settings.max_enumeration),
      settings.optimality_tolerance, input.invalid);
}

}  // namespace liid_cut::fuzz
