// Wide registers where the CPU has them, chosen at run time; the same bits everywhere.
//
// A function marked LIID_SIMD is compiled for several instruction sets. Sums inside it must run in lanes of a fixed
// number, so that their order does not depend on the width of the registers; the core is compiled without fused
// multiply-add (CMakeLists.txt). LIID_ONE_TARGET leaves the compiler's own target alone, for
// `python -m benchmarks.reproducibility`, which compares the bits.
#pragma once

// Sanitizers start too late for the run-time choice.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && defined(__linux__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && !defined(LIID_ONE_TARGET)
#define LIID_SIMD __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define LIID_SIMD
#endif
