// How many components are cut at the same time, by what they are estimated to need.
#include <doctest/doctest.h>

#include <vector>

#include "liid_cut/memory.hpp"

namespace liid_cut::test {

TEST_CASE("as many threads as can work within the memory") {
  const std::vector<std::size_t> needs{10, 50, 30};
  CHECK(affordable_threads(needs, 8, 90) == 8);  // there are only three
  CHECK(affordable_threads(needs, 8, 89) == 2);
  CHECK(affordable_threads(needs, 2, 80) == 2);
  CHECK(affordable_threads(needs, 2, 79) == 1);
  CHECK(affordable_threads(needs, 8, 49) == 1);
  CHECK(affordable_threads({}, 4, 0) == 4);
}

}  // namespace liid_cut::test
