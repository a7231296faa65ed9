// The signal that ends a solve early.
#include "util/stop.hpp"

#include <doctest/doctest.h>

#include <limits>

namespace liid_cut::test {

TEST_CASE("without a limit nothing stops but an interrupt") {
  StopSignal stop(std::numeric_limits<double>::infinity());
  CHECK_FALSE(stop.requested());
  CHECK(stop.elapsed_s() >= 0);
  stop.interrupt();
  CHECK(stop.requested());
  CHECK(stop.reason() == Status::interrupted);
}

TEST_CASE("a limit that is over stops, and is the reason") {
  const StopSignal stop(0);
  CHECK(stop.requested());
  CHECK(stop.reason() == Status::time_limit);
}

TEST_CASE("so many looks pass as if the limit came after them") {
  const StopSignal stop(std::numeric_limits<double>::infinity(), 2);
  CHECK_FALSE(stop.requested());
  CHECK_FALSE(stop.requested());
  CHECK(stop.requested());
  CHECK(stop.requested());
  CHECK(stop.reason() == Status::time_limit);
}

TEST_CASE("an interrupt is the reason even after the limit") {
  StopSignal stop(0);
  stop.interrupt();
  CHECK(stop.reason() == Status::interrupted);
}

}  // namespace liid_cut::test
