// Limits: a full labelling with its bound, and the reason; and the progress callback.
#include <doctest/doctest.h>

#include <limits>
#include <stdexcept>
#include <thread>

#include "checks.hpp"
#include "gaps.hpp"
#include "liid_cut/solve.hpp"

namespace liid_cut::test {
namespace {

// Keeps the solver busy for seconds, while progress is first reported after 50 ms.
const Instance& long_running() {
  static const Instance instance = potts_grid(60, 8, 3);
  return instance;
}

}  // namespace

TEST_CASE("a time limit that is over at once leaves every node labelled, with a bound") {
  const Instance instance = two_triangles();
  for (const Method method : {Method::automatic, Method::ckr, Method::brute_force})
    for (const int n_threads : {1, 4}) {
      Settings settings;
      settings.method = method;
      settings.n_threads = n_threads;
      settings.time_limit_s = 1e-9;
      const Result result = solve(instance.problem(), settings);
      CHECK(result.status == Status::time_limit);
      check_claims(instance, result);
      CHECK(result.cost >= 2 * kTriangleOptimum);
      CHECK(result.lower_bound == 2 * kTriangleZeroBound);
      CHECK(result.components[0].status == Status::time_limit);
      CHECK(result.components[0].stage == Stage::open);
      CHECK(result.components[2].status == Status::optimal);  // inspection always ends
    }
}

TEST_CASE("a time limit inside the LP") {
  Settings settings;
  settings.time_limit_s = .02;
  const Result result = solve(long_running().problem(), settings);
  CHECK(result.status == Status::time_limit);
  check_claims(long_running(), result);
}

TEST_CASE("a time limit inside the search tree leaves a bound and its proof") {
  Random random(31);
  const int n_pentagons = 16;
  const Instance instance = pentagon_chain(n_pentagons, .125, random);
  for (int i = 1; i <= 10; ++i) {
    Settings settings;
    settings.method = i % 2 == 0 ? Method::automatic : Method::ckr;
    settings.time_limit_s = .01 * i;
    const Result result = solve(instance.problem(), settings);
    CHECK(result.status == Status::time_limit);
    check_claims(instance, result);
    CHECK(result.lower_bound >= 5 * n_pentagons);
  }
}

TEST_CASE("at a limit a component counts as closed, by inspection, if its first labelling is proven") {
  const std::vector<Instance> parts{make_instance(3, {0, 1, 0, 0, 1, 0}, {{0, 1}}, {1}), triangle()};
  const Instance instance = side_by_side(parts);
  for (const Method method : {Method::automatic, Method::ckr, Method::brute_force}) {
    Settings settings;
    settings.method = method;
    settings.time_limit_s = 1e-9;
    const Result result = solve(instance.problem(), settings);
    CHECK(result.status == Status::time_limit);
    CHECK(result.components[0].status == Status::optimal);
    CHECK(result.components[0].stage == Stage::inspection);
    CHECK(result.components[1].status == Status::time_limit);
    CHECK(result.components[1].stage == Stage::open);
    check_claims(instance, result);
  }
}

TEST_CASE("progress that returns false interrupts") {
  int calls = 0;
  const auto progress = [&](const Progress&) {
    ++calls;
    return false;
  };
  const Result result = solve(long_running().problem(), {}, progress);
  CHECK(calls >= 1);
  CHECK(result.status == Status::interrupted);
  check_claims(long_running(), result);
}

TEST_CASE("progress is reported on the calling thread, with a bound below the cost") {
  const std::thread::id caller = std::this_thread::get_id();
  int calls = 0;
  const auto progress = [&](const Progress& p) {
    ++calls;
    CHECK(std::this_thread::get_id() == caller);
    CHECK(p.n_components == 1);
    CHECK(p.components_done >= 0);
    CHECK(p.components_done <= p.n_components);
    CHECK(p.lower_bound <= p.cost);
    return calls < 3;
  };
  solve(long_running().problem(), {}, progress);
  CHECK(calls >= 3);
}

TEST_CASE("an exception of progress reaches the caller") {
  const auto progress = [](const Progress&) -> bool { throw std::runtime_error("progress"); };
  Settings settings;
  settings.time_limit_s = .3;  // the LP that is running is not stopped by the exception
  CHECK_THROWS_WITH_AS(solve(long_running().problem(), settings, progress), "progress", std::runtime_error);
}

TEST_CASE("a wider tolerance is met") {
  Settings settings;
  settings.optimality_tolerance = .1;
  const Instance instance = triangle();
  const Result result = solve(instance.problem(), settings);
  CHECK(result.status == Status::optimal);
  CHECK(result.cost - result.lower_bound <= .1 * result.cost);
  CHECK(check_certificate(instance.problem(), result, .1).ok());
}

TEST_CASE("a proof beyond max_proof_bytes is incomplete, the result optimal") {
  Settings settings;
  settings.max_proof_bytes = 0;
  for (const Method method : {Method::automatic, Method::ckr})
    for (const auto& [instance, optimum] : {std::pair(pentagon(), kPentagonOptimum), {triangle(), kTriangleOptimum}}) {
      settings.method = method;
      const Result result = solve(instance.problem(), settings);
      CHECK(result.status == Status::optimal);
      CHECK(result.lower_bound == doctest::Approx(optimum).epsilon(kTolerance));
      CHECK_FALSE(result.proofs_complete);
      const CertificateCheck check = check_certificate(instance.problem(), result);
      CHECK_FALSE(check.ok());
      CHECK(check.lower_bound < optimum - .1);
    }
}

TEST_CASE("a decided problem is optimal even where no messages may be kept for its proof") {
  Instance instance = path();
  allow_only(instance, {1, 0, 1, 0, 0, 1, 0, 1});
  Settings settings;
  settings.method = Method::ckr;
  settings.max_proof_bytes = 0;
  const Result result = solve(instance.problem(), settings);
  CHECK(result.status == Status::optimal);
  CHECK(result.lower_bound == doctest::Approx(1.3).epsilon(kTolerance));
}

TEST_CASE("weights of any finite size are solved") {
  Instance instance = make_instance(2, {0, 0, 0, 0}, {{0, 1}}, {1e18});
  allow_only(instance, {1, 0, 0, 1});
  const Result result = solve(instance.problem());
  CHECK(result.status == Status::optimal);
  check_claims(instance, result);
}

// Found by fuzzing: the messages of the edge of 1e300 left the bound no digit of 1e17, and the checker proved nothing.
//
//   0 (1) --- 1e17 --- 2 (0) --- 1e300 --- 1 (0)      each node may take the label in brackets alone
TEST_CASE("weights that a cut cannot pay leave the digits of its bound alone") {
  Instance instance = make_instance(3, std::vector<double>(9, 0.0), {{0, 2}, {1, 2}}, {1e17, 1e300});
  allow_only(instance, {0, 1, 0, 1, 0, 0, 1, 0, 0});
  for (const Method method : {Method::automatic, Method::quick, Method::ckr}) {
    Settings settings;
    settings.method = method;
    const Result result = solve(instance.problem(), settings);
    CHECK(result.status == Status::optimal);
    CHECK(result.cost == 1e17);
    check_claims(instance, result);
  }
}

// Found by fuzzing: no messages of dual ascent beat the bound of none at all, and labels were ruled out by none.
TEST_CASE("weights of 1e-24 to 1e23 in one component, and a tolerance of 1e-3") {
  Instance instance =
      make_instance(5, {.996, 1, .447, .18, .804, .843, .016, .114, .388, .208, 1, 1, 1, 1, 1, 1, 1, 1, .388, .455},
                    {{0, 2}, {1, 0}, {3, 2}, {3, 0}}, {4e18, 6e-16, 4e23, .004});
  allow_only(instance, {1, 0, 0, 1, 1, 0, 1, 0, 0, 0, 1, 1, 0, 0, 1, 0, 0, 1, 0, 1});
  Settings settings;
  settings.optimality_tolerance = 1e-3;
  for (const Method method : {Method::automatic, Method::ckr}) {
    settings.method = method;
    const Result result = solve(instance.problem(), settings);
    CHECK(result.status == Status::optimal);
    CHECK(check_certificate(instance.problem(), result, settings.optimality_tolerance).ok());
  }
}

// Found by fuzzing: the limit struck before large weights were lowered for a second time, and the bound that was
// claimed stood above the one that the checker counts by the rounding of those weights.
TEST_CASE("a limit at any moment beside weights of 4e18 claims no more than is proven") {
  Instance instance = make_instance(6, {.1, 2,  1. / 3, 2,      2,  .2,     .6, .3, 1,  .1, 2, 2,  2,  2. / 3, .1,
                                        .2, .7, 2,      1. / 3, .3, 1. / 3, 2,  .1, .1, .3, 0, .3, .3, 2,      .1},
                                    {{1, 2}, {1, 3}, {4, 1}, {4, 3}, {2, 3}, {1, 2}, {2, 1}, {2, 1}},
                                    {4e18, 1e6, 3e-24, 1e-22, 1e10, 3e-11, 3e-9, 5e13});
  allow_only(instance, {1, 0, 0, 1, 0, 1, 0, 1, 1, 1, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1, 1, 1});
  const double at_once = [&] {
    Settings settings;
    settings.debug_looks = 0;
    return solve(instance.problem(), settings).lower_bound;
  }();
  int n_limited = 0;
  for (const Method method : {Method::automatic, Method::quick, Method::ckr})
    for (int looks = 0; looks < 60; ++looks) {
      CAPTURE(looks);
      Settings settings;
      settings.method = method;
      settings.debug_looks = looks;
      const Result result = solve(instance.problem(), settings);
      n_limited += result.status != Status::optimal;
      check_claims(instance, result);
      CHECK(result.lower_bound >= at_once);
    }
  CHECK(n_limited > 3);
  CHECK(n_limited < 180);
}

TEST_CASE("whatever little may be kept of a proof, the bound that is claimed is proven or the proof is incomplete") {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    CAPTURE(seed);
    const Instance instance = instance_with_gap(seed);
    for (const Method method : {Method::automatic, Method::ckr}) {
      Settings settings;
      settings.method = method;
      settings.max_proof_bytes = seed * 64;
      const Result result = solve(instance.problem(), settings);
      CHECK(result.status == Status::optimal);
      CHECK(check_certificate(instance.problem(), result).ok() >= result.proofs_complete);
    }
  }
}

}  // namespace liid_cut::test
