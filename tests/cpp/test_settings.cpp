// Bad input of the solve call: settings out of range, one fault a test.
#include <doctest/doctest.h>

#include <limits>
#include <stdexcept>

#include "factories.hpp"
#include "liid_cut/solve.hpp"

namespace liid_cut::test {
namespace {

void check_rejected(const Settings& settings, const char* message) {
  const Instance instance = path();
  CHECK_THROWS_WITH_AS(solve(instance.problem(), settings), message, std::invalid_argument);
}

}  // namespace

TEST_CASE("a time limit of zero") {
  Settings settings;
  settings.time_limit_s = 0;
  check_rejected(settings, "time_limit is 0; it must be a number of seconds > 0");
}

TEST_CASE("a time limit that is no number") {
  Settings settings;
  settings.time_limit_s = std::numeric_limits<double>::quiet_NaN();
  check_rejected(settings, "time_limit is nan; it must be a number of seconds > 0");
}

TEST_CASE("a negative number of threads") {
  Settings settings;
  settings.n_threads = -1;
  check_rejected(settings, "n_threads is -1; it must be >= 0 (0: all cores)");
}

TEST_CASE("a negative tolerance") {
  Settings settings;
  settings.optimality_tolerance = -1;
  check_rejected(settings, "optimality_tolerance is -1; it must be a number >= 0");
}

TEST_CASE("an enumeration limit of zero") {
  Settings settings;
  settings.max_enumeration = 0;
  check_rejected(settings, "max_enumeration is 0; it must be >= 1");
}

TEST_CASE("too many labellings for brute force") {
  Settings settings;
  settings.method = Method::brute_force;
  settings.max_enumeration = 15;
  check_rejected(settings,
                 "method brute_force: a component of 4 nodes has more than 15 labellings; use method auto or ckr");
}

TEST_CASE("a debug solution that is none") {
  Settings settings;
  settings.debug_labels = {0, 0, 0, 5};
  check_rejected(settings, "labels[3] is 5; labels are 0 to 1");
}

TEST_CASE("a bad problem") {
  Instance instance = path();
  instance.probs[7] = -1;
  CHECK_THROWS_WITH_AS(solve(instance.problem()), "probs[3, 1] is -1; every entry must be a finite number >= 0",
                       std::invalid_argument);
}

}  // namespace liid_cut::test
