// Memory that runs out inside a component, or that an estimate says would not suffice.
#include <doctest/doctest.h>

#include <atomic>
#include <cstdlib>
#include <limits>
#include <new>

#include "checks.hpp"
#include "liid_cut/memory.hpp"
#include "liid_cut/solve.hpp"

namespace {

std::atomic<std::size_t> largest_allocation{std::numeric_limits<std::size_t>::max()};

}  // namespace

void* operator new(std::size_t size) {
  if (size > largest_allocation.load()) throw std::bad_alloc();
  if (void* p = std::malloc(size > 0 ? size : 1)) return p;
  throw std::bad_alloc();
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return size > largest_allocation.load() ? nullptr : std::malloc(size > 0 ? size : 1);
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete(void* p, const std::nothrow_t&) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }

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
