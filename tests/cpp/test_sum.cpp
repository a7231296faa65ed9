// Compensated sums where plain ones lose everything.
#include "util/sum.hpp"

#include <doctest/doctest.h>

#include <initializer_list>

namespace liid_cut::test {
namespace {

double sum(std::initializer_list<double> terms) {
  Sum total;
  for (const double x : terms) total += x;
  return total.value();
}

}  // namespace

TEST_CASE("a sum keeps what a larger term swallows") {
  CHECK(sum({1, 1e100, 1, -1e100}) == 2);  // Neumaier's example; Kahan's sum gives 0
  CHECK(sum({1e100, 1, -1e100, 1}) == 2);
}

TEST_CASE("a million terms add up to the last bit") {
  Sum total;
  for (int i = 0; i < 1000000; ++i) total += .1;
  CHECK(total.value() == 100000);
}

TEST_CASE("no terms add up to zero") { CHECK(sum({}) == 0); }

}  // namespace liid_cut::test
