// Memory that runs out inside a component, or that an estimate says would not suffice.
#include <doctest/doctest.h>

#include <atomic>
#include <cstdlib>
#include <limits>
#include <new>
#include <optional>

#include "checks.hpp"
#include "liid_cut/memory.hpp"
#include "liid_cut/solve.hpp"
#include "random_instances.hpp"

namespace {

std::atomic<std::size_t> largest_allocation{std::numeric_limits<std::size_t>::max()};
std::atomic<long> allocations{0};
std::atomic<long> failing_allocation{-1};  // its number; -1: none
std::atomic<bool> failing_ever_after{false};
std::atomic<long> live_blocks{0};

void* allocate(std::size_t size) noexcept {
  const long number = allocations.fetch_add(1);
  const long failing = failing_allocation.load();
  if (size > largest_allocation.load() || number == failing ||
      (failing >= 0 && number > failing && failing_ever_after.load()))
    return nullptr;
  void* block = std::malloc(size > 0 ? size : 1);
  if (block != nullptr) ++live_blocks;
  return block;
}

void release(void* block) noexcept {
  if (block != nullptr) --live_blocks;
  std::free(block);
}

}  // namespace

void* operator new(std::size_t size) {
  if (void* block = allocate(size)) return block;
  throw std::bad_alloc();
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return allocate(size); }
void operator delete(void* p) noexcept { release(p); }
void operator delete(void* p, const std::nothrow_t&) noexcept { release(p); }
void operator delete(void* p, std::size_t) noexcept { release(p); }

namespace liid_cut::test {
namespace {

// Solves while no allocation may be larger than `bytes`.
Result solve_within(std::size_t bytes, const Instance& instance) {
  Settings settings;
  settings.n_threads = 1;
  largest_allocation = bytes;
  try {
    Result result = solve(instance.problem(), settings);
    largest_allocation = std::numeric_limits<std::size_t>::max();
    return result;
  } catch (...) {
    largest_allocation = std::numeric_limits<std::size_t>::max();
    throw;
  }
}

// Whether the instance is solved, or memory is said to be missing, when allocation `number` fails, and with
// `ever_after` all after it: claims hold, nothing leaks. Returns false once the solve needs fewer allocations than
// that.
bool survives(const Instance& instance, long number, bool ever_after) {
  Settings settings;
  settings.n_threads = 2;
  const Problem problem = instance.problem();
  const long before = live_blocks;
  std::optional<Result> result;
  allocations = 0;
  failing_ever_after = ever_after;
  failing_allocation = number;
  try {
    result = solve(problem, settings);
  } catch (const std::bad_alloc&) {
  }
  failing_allocation = -1;
  const bool struck = allocations > number;
  if (result) {
    CHECK((result->status == Status::optimal || result->status == Status::memory_limit));
    check_claims(instance, *result);
  }
  result.reset();
  CHECK(live_blocks - before == 0);
  return struck;
}

// A path whose nodes prefer two labels in turn, and two more nodes that agree.
//
//   (1, 0) --- .75 --- (0, 1) --- .75 --- (1, 0) --- ...      (1, 0) --- .75 --- (1, 0)
Instance long_path(NodeId n) {
  std::vector<double> probs;
  std::vector<Edge> edges;
  for (NodeId u = 0; u < n; ++u) {
    probs.insert(probs.end(), {u % 2 == 0 ? 1.0 : 0.0, u % 2 == 0 ? 0.0 : 1.0});
    if (u > 0) edges.push_back({u - 1, u});
  }
  edges.push_back({n, n + 1});
  probs.insert(probs.end(), {1, 0, 1, 0});
  return make_instance(2, std::move(probs), edges, std::vector<Weight>(edges.size(), .75));
}

}  // namespace

TEST_CASE("a component that does not fit into memory keeps its first labelling and bound") {
  const NodeId n = 4000;
  const Instance instance = long_path(n);
  const std::size_t messages = instance.graph.edges().size() * 2 * sizeof(double);
  CHECK_THROWS_AS(solve_within(messages - 1, instance), std::bad_alloc);  // not even the result fits

  // Room for the path's costs and arcs (24 bytes a node), not for the record of its reductions (40 a node).
  const Result result = solve_within(static_cast<std::size_t>(n) * 25, instance);
  CHECK(result.status == Status::memory_limit);
  REQUIRE(result.components.size() == 2);
  CHECK(result.components[0].status == Status::memory_limit);
  CHECK(result.components[0].stage == Stage::open);
  CHECK(result.components[0].cost == .75 * (n - 1));
  CHECK(result.components[0].lower_bound == 0);
  CHECK(result.components[1].status == Status::optimal);
  check_claims(instance, result);

  CHECK(solve_within(std::numeric_limits<std::size_t>::max(), instance).status == Status::optimal);
}

TEST_CASE("whichever allocation fails, there is a sound result or std::bad_alloc, and nothing leaks") {
  // Threads, reductions, dual ascent, and a search whose proofs are kept. Linear programs: benchmarks/faults.
  for (const Instance& instance : {two_triangles(), potts_grid(4, 3, 0), path()})
    for (const bool ever_after : {false, true}) {
      solve(instance.problem());  // what is allocated once and stays
      for (long number = 0; survives(instance, number, ever_after); ++number) CAPTURE(number);
    }
}

TEST_CASE("what would not fit is told before it is allocated") {
  const NodeId n = 4000;
  const Instance instance = long_path(n);
  const std::size_t result_bytes = estimated_result_bytes(n + 2, n, 2);
  const std::size_t cut_bytes = estimated_cut_bytes(n, n - 1, 2);
  Settings settings;
  settings.max_memory_bytes = result_bytes - 1;
  CHECK_THROWS_WITH_AS(solve(instance.problem(), settings), doctest::Contains("the result alone needs about 0 MiB"),
                       MemoryEstimate);

  settings.max_memory_bytes = result_bytes + cut_bytes - 1;
  const Result result = solve(instance.problem(), settings);
  CHECK(result.status == Status::memory_limit);
  CHECK(result.components[0].status == Status::memory_limit);
  CHECK(result.components[0].lower_bound == 0);
  CHECK(result.components[1].status == Status::optimal);
  check_claims(instance, result);

  settings.max_memory_bytes = result_bytes + cut_bytes;
  CHECK(solve(instance.problem(), settings).status == Status::optimal);
}

}  // namespace liid_cut::test
