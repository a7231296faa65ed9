// Assertions for bugs of ours (bad input throws std::invalid_argument instead).
//
// LIID_HEAVY_ASSERT may cost as much as the code that it checks; it exists in heavy-assert builds only
// (CMake preset "heavy"), which CI runs.
#pragma once

#ifdef LIID_HEAVY_ASSERTS
#include <cstdio>
#include <cstdlib>
#define LIID_HEAVY_ASSERT(condition, message)                                                              \
  do {                                                                                                     \
    if (!(condition)) {                                                                                    \
      std::fprintf(stderr, "%s:%d: assertion failed: %s (%s)\n", __FILE__, __LINE__, #condition, message); \
      std::abort();                                                                                        \
    }                                                                                                      \
  } while (false)
#else
#define LIID_HEAVY_ASSERT(condition, message) static_cast<void>(0)
#endif
