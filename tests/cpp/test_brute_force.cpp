// The shipped oracle against the tests' own enumeration.
#include "verify/brute_force.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <stdexcept>

#include "checks.hpp"
#include "liid_cut/solve.hpp"
#include "random_instances.hpp"

namespace liid_cut::test {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr std::int64_t kLimit = 1 << 20;

Result enumerated(const Instance& instance) {
  Settings settings;
  settings.method = Method::brute_force;
  return solve(instance.problem(), settings);
}

void check_rejected(const Instance& instance, const Result& forged, const char* problem) {
  const CertificateCheck check = check_certificate(instance.problem(), forged);
  CHECK_FALSE(check.ok());
  CHECK_MESSAGE(joined(check.problems).find(problem) != std::string::npos, joined(check.problems));
}

}  // namespace

TEST_CASE("brute force finds the optima of the named problems") {
  const StopSignal never(kInfinity);
  const auto cost = [&](const Instance& instance) {
    return removed_weight(instance, brute_force(whole_model(instance.problem()), kLimit, never));
  };
  CHECK(cost(path()) == doctest::Approx(1.3));
  CHECK(cost(star()) == doctest::Approx(1));
  CHECK(cost(triangle()) == doctest::Approx(kTriangleOptimum));
  for (const int side : {1, 2, 3, 4}) CHECK(cost(simplex_grid(side)) == doctest::Approx(2 * side + 1));
}

TEST_CASE("brute force agrees with recursion on random problems") {
  const StopSignal never(kInfinity);
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    const Instance instance = trial(seed);
    const Labelling labels = brute_force(whole_model(instance.problem()), kLimit, never);
    CHECK(removed_weight(instance, labels) == doctest::Approx(enumerate(instance).cost).epsilon(kTolerance));
  }
}

TEST_CASE("among equal costs the lexicographically first labelling wins, as in recursion") {
  for (std::uint64_t seed = 0; seed < 500; seed += 2) {  // coarse numbers, whose sums are exact
    const Instance instance = random_instance(seed);
    CHECK(brute_force(whole_model(instance.problem()), kLimit, StopSignal(kInfinity)) == enumerate(instance).labels);
  }

  const StopSignal never(kInfinity);
  const Instance instance = triangle();
  CHECK(brute_force(whole_model(instance.problem()), kLimit, never) == Labelling{0, 0, 0});
}

TEST_CASE("exactly `limit` labellings are tried, one more is refused") {
  const StopSignal never(kInfinity);
  const Instance instance = triangle();
  const PottsModel model = whole_model(instance.problem());
  CHECK_NOTHROW(brute_force(model, 27, never));
  CHECK_THROWS_WITH_AS(brute_force(model, 26, never),
                       "method brute_force: a component of 3 nodes has more than 26 labellings; use method auto or ckr",
                       std::invalid_argument);
}

TEST_CASE("labels that are not allowed do not count") {
  Instance instance = triangle();
  allow_only(instance, {1, 0, 0, 1, 0, 0, 1, 1, 1});
  const StopSignal never(kInfinity);
  CHECK(brute_force(whole_model(instance.problem()), 3, never) == Labelling{0, 0, 0});
}

TEST_CASE("a stop request still leaves a labelling that is allowed") {
  Instance instance = triangle();
  allow_only(instance, {0, 1, 1, 0, 1, 1, 0, 0, 1});
  CHECK(brute_force(whole_model(instance.problem()), kLimit, StopSignal(0)) == Labelling{1, 1, 2});
}

// ---- the certificate checker enumerates again

TEST_CASE("forged: enumerated, but dearer than another labelling") {
  Result forged = enumerated(path());
  forged.labels = {0, 0, 0, 0};
  forged.cost = forged.components[0].cost = forged.components[0].lower_bound = forged.lower_bound = 2;
  check_rejected(path(), forged, "component 0: lower bound is claimed to be 2 but only 1.3");
}

TEST_CASE("enumerated, with as many labellings as the checker is allowed, and with one more") {
  const Instance instance = path();
  const Result result = enumerated(instance);
  const std::int64_t n_labellings = 16;
  CHECK(check_certificate(instance.problem(), result, 1e-9, n_labellings).ok());
  CHECK_FALSE(check_certificate(instance.problem(), result, 1e-9, n_labellings - 1).ok());
}

TEST_CASE("forged: enumerated, but too large for that") {
  const Instance instance = potts_grid(8, 3, 1);
  Result forged = solve(instance.problem());
  forged.components[0].stage = Stage::enumeration;
  check_rejected(instance, forged, "component 0: too large to have been enumerated");
}

TEST_CASE("forged: enumerated, in more time than the checker is given") {
  const Instance instance = potts_grid(5, 3, 1);  // 3^25 labellings
  Result forged = solve(instance.problem());
  forged.components[0].stage = Stage::enumeration;
  const auto check = check_certificate(instance.problem(), forged, 1e-9, std::int64_t{1} << 22);
  CHECK(check.problems.front() == "component 0: too large to have been enumerated");
}

TEST_CASE("forged: enumerated, with a bound above the cost") {
  Result forged = enumerated(path());
  forged.components[0].lower_bound = 2;
  check_rejected(path(), forged, "component 0: lower bound is claimed to be 2 but only 1.3");
}

TEST_CASE("an enumeration is confirmed whatever its size") {
  const Instance instance = make_instance(2050, std::vector<double>(2 * 2050, 0.0), {{0, 1}}, {1});
  Settings settings;
  settings.method = Method::brute_force;
  settings.max_enumeration = std::int64_t{1} << 23;
  const Result result = solve(instance.problem(), settings);
  CHECK(check_certificate(instance.problem(), result).ok());
}

}  // namespace liid_cut::test
