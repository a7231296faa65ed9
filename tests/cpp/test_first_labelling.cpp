// First labellings: usable, and at rest under moves of a single node.
#include "bound/first_labelling.hpp"

#include <doctest/doctest.h>

#include "models.hpp"

namespace liid_cut::test {
namespace {

bool some_move_helps(const Instance& instance, const Labelling& labels) {
  const double cost = removed_weight(instance, labels);
  for (std::size_t u = 0; u < labels.size(); ++u)
    for (LabelId k = 0; k < instance.n_labels; ++k) {
      Labelling moved = labels;
      moved[u] = k;
      if (may_take(instance, u, k) && removed_weight(instance, moved) < cost - kTolerance) return true;
    }
  return false;
}

}  // namespace

TEST_CASE("a first labelling is allowed and no single move improves it") {
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    const Instance instance = trial(seed);
    const Labelling labels = first_labelling(model_of(instance));
    for (std::size_t u = 0; u < labels.size(); ++u) CHECK(may_take(instance, u, labels[u]));
    CHECK_FALSE(some_move_helps(instance, labels));
  }
}

TEST_CASE("improve never raises the cost, whatever labelling it starts from") {
  Random random(5);
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    const Instance instance = trial(seed);
    Labelling labels = random_labelling(model_of(instance), random);
    const double before = removed_weight(instance, labels);
    improve(model_of(instance), labels);
    CHECK(removed_weight(instance, labels) <= before + kTolerance);
    CHECK_FALSE(some_move_helps(instance, labels));
  }
}

TEST_CASE("a constant label wins where every node alone prefers another") {
  // Single moves from there can only spread one of those labels; label 3, the second choice of all, is cheaper.
  const Instance instance =
      make_instance(4, {.4, 0, 0, .3, 0, .4, 0, .3, 0, 0, .4, .3}, {{0, 1}, {1, 2}, {0, 2}}, {.05, .05, .05});
  CHECK(first_labelling(model_of(instance)) == Labelling{0, 1, 2});
  const Instance heavy =
      make_instance(4, {.4, 0, 0, .3, 0, .4, 0, .3, 0, 0, .4, .3}, {{0, 1}, {1, 2}, {0, 2}}, {1, 1, 1});
  CHECK(first_labelling(model_of(heavy)) == Labelling{3, 3, 3});
}

TEST_CASE("a constant label that costs the same does not win") {
  const Instance instance = make_instance(2, {.5, 0, 0, .5}, {{0, 1}}, {.5});
  CHECK(first_labelling(model_of(instance)) == Labelling{0, 1});
}

TEST_CASE("ties go to the lower label") {
  const Instance instance = make_instance(3, {0, .5, .5}, {}, {});
  CHECK(first_labelling(model_of(instance)) == Labelling{1});
}

}  // namespace liid_cut::test
