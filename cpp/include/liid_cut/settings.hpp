// Settings of one solve: plain values with defaults, validated once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <vector>

#include "liid_cut/types.hpp"

namespace liid_cut {

enum class Method {
  automatic,    // every stage, cheapest first
  quick,        // reductions, dual ascent and expansions once: a labelling with its bound, proven or not
  ckr,          // the paper's way: the LP of every component by simplex, then branch and bound
  brute_force,  // every labelling of every component: the oracle for tiny instances
};

struct Settings {
  Method method = Method::automatic;

  // Wall-clock seconds from the start of solve(); at the limit the best labelling so far is returned with its bound.
  double time_limit_s = std::numeric_limits<double>::infinity();

  // Worker threads over components; 0: all cores. Results do not depend on it.
  int n_threads = 0;

  // A component is proven optimal when cost - bound <= optimality_tolerance * max(1, |cost|).
  double optimality_tolerance = 1e-9;

  // Brute force refuses a component with more labellings than this.
  std::int64_t max_enumeration = std::int64_t{1} << 22;

  // Dual messages of one component's search tree beyond this many bytes are not kept: the bound stays right,
  // but an independent checker can then confirm only a weaker one.
  std::size_t max_proof_bytes = std::size_t{256} << 20;

  // Bytes that the solve may take beside the problem itself; 0: no limit. Compared with estimates, before anything is
  // allocated: a result that needs more is refused (MemoryEstimate), a component that needs more keeps its first
  // labelling (Status::memory_limit), and components that need more together are cut one after another.
  std::size_t max_memory_bytes = 0;

  // Heavy-assert builds only: a labelling known to be optimal; no prune may ever lose it.
  std::vector<LabelId> debug_labels = {};

  // For tests: as if the time limit struck when the solver asks for the n-th time (n = debug_looks + 1) whether it has
  // passed, at the same moment on every machine; < 0: not.
  std::int64_t debug_looks = -1;

  // Throws std::invalid_argument with the value received and the values allowed.
  void validate() const;
};

struct Progress {
  ComponentId components_done;
  ComponentId n_components;
  double cost;         // of the best labelling so far
  double lower_bound;  // proven so far
};

// Called some 20 times a second on the thread that called solve(); returns false to stop (as Ctrl-C does).
using ProgressCallback = std::function<bool(const Progress&)>;

}  // namespace liid_cut
