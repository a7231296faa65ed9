// The solve call: known optima, the component table, and corner cases.
#include "liid_cut/solve.hpp"

#include <doctest/doctest.h>

#include "checks.hpp"
#include "gaps.hpp"

namespace liid_cut::test {
namespace {

Settings with(Method method) {
  Settings settings;
  settings.method = method;
  settings.n_threads = 1;
  return settings;
}

constexpr Method kMethods[] = {Method::automatic, Method::ckr, Method::brute_force};

}  // namespace

TEST_CASE("all methods find the optima of the named problems") {
  const auto check = [](const Instance& instance, double optimum) {
    for (const Method method : kMethods) {
      const Result result = solve(instance.problem(), with(method));
      CHECK(result.status == Status::optimal);
      CHECK(result.cost == doctest::Approx(optimum).epsilon(kTolerance));
      check_claims(instance, result);
    }
  };
  check(path(), 1.3);
  check(star(), 1);
  check(triangle(), kTriangleOptimum);
  check(two_triangles(), 2 * kTriangleOptimum);
  check(pentagon(), kPentagonOptimum);
  for (const int side : {1, 2, 3, 4}) check(simplex_grid(side), 2 * side + 1);
}

TEST_CASE("the component table says how each component was closed") {
  const Instance instance = two_triangles();
  const Result result = solve(instance.problem());
  CHECK(result.component_of == std::vector<ComponentId>{0, 1, 0, 2, 1, 0, 1});
  REQUIRE(result.components.size() == 3);
  for (const std::size_t t : {0, 1}) {
    CHECK(result.components[t].n_nodes == 3);
    CHECK(result.components[t].n_edges == 3);
    CHECK(result.components[t].stage == Stage::branch_and_bound);
    CHECK(result.components[t].cost == kTriangleOptimum);
    CHECK(result.components[t].search_nodes > 0);
  }
  CHECK(result.components[2].n_nodes == 1);
  CHECK(result.components[2].stage == Stage::inspection);
  CHECK(result.labels[3] == 1);
  REQUIRE(result.proofs.size() == 2);
  // Numbered in the whole problem.
  CHECK(result.proofs[0].nodes == std::vector<NodeId>{0, 2, 5});
  CHECK(result.proofs[1].nodes == std::vector<NodeId>{1, 4, 6});
  const Components components = find_components(instance.graph);
  const auto edges_of_1 = components.edges_of(1);
  CHECK(std::equal(edges_of_1.begin(), edges_of_1.end(), result.proofs[1].edges.begin(), result.proofs[1].edges.end()));
  const NodeId ruled_out = result.proofs[1].proof[0].ruled_out[0].first;
  CHECK((ruled_out == 1 || ruled_out == 4 || ruled_out == 6));
}

TEST_CASE("equal components get equal labels") {
  const Instance instance = two_triangles();
  const std::vector<LabelId> labels = solve(instance.problem()).labels;
  CHECK(labels[0] == labels[1]);
  CHECK(labels[2] == labels[4]);
  CHECK(labels[5] == labels[6]);
}

TEST_CASE("no nodes, no edges, one label, no terminal weights") {
  const auto cost = [](const Instance& instance) {
    const Result result = solve(instance.problem());
    CHECK(result.status == Status::optimal);
    check_claims(instance, result);
    return result.cost;
  };
  CHECK(cost(make_instance(2, {}, {}, {})) == 0);
  CHECK(cost(make_instance(2, {.25, .75, 1, 0}, {}, {})) == .25);
  CHECK(cost(make_instance(1, {1, 1, 1}, {{0, 1}, {1, 2}}, {1, 1})) == 0);
  CHECK(cost(make_instance(2, {0, 0, 0, 0}, {{0, 1}}, {1})) == 0);
}

TEST_CASE("a component's cut does not depend on where the component stands") {
  Random random(22);
  std::vector<Instance> parts;
  for (int i = 0; i < 8; ++i) parts.push_back(triangle_chain(1 + i % 3, .25 * integer(random, 1, 3), random));
  const std::vector<Instance> reversed(parts.rbegin(), parts.rend());
  const Instance forth = side_by_side(parts);
  const Instance back = side_by_side(reversed);
  std::vector<LabelId> expected = solve(forth.problem()).labels;
  const std::vector<LabelId> found = solve(back.problem()).labels;
  auto label = found.end();
  for (const Instance& part : parts) {
    label -= part.graph.n_nodes();
    CHECK(std::equal(label, label + part.graph.n_nodes(), expected.begin()));
    expected.erase(expected.begin(), expected.begin() + part.graph.n_nodes());
  }
}

TEST_CASE("the heavier problems close by the stage that they need") {
  const auto stage = [](const Instance& instance) { return solve(instance.problem()).components[0].stage; };
  CHECK(stage(path()) == Stage::reduction);
  CHECK(stage(star()) == Stage::reduction);
  CHECK(stage(potts_grid(5, 3, 1)) == Stage::dual_ascent);
  CHECK(stage(triangle()) == Stage::branch_and_bound);
  CHECK(stage(pentagon()) == Stage::branch_and_bound);
  CHECK(stage(simplex_grid(7)) == Stage::linear_program);
}

TEST_CASE("proofs are disjoint parts in the order of their nodes") {
  Random random(23);
  std::vector<Instance> parts;
  for (int i = 0; i < 6; ++i) parts.push_back(triangle_chain(1 + i % 3, .25, random));
  const Instance instance = side_by_side(parts);
  const Result result = solve(instance.problem());
  std::vector<int> in_parts(instance.n(), 0);
  for (std::size_t i = 0; i < result.proofs.size(); ++i) {
    if (i > 0) CHECK(result.proofs[i - 1].nodes < result.proofs[i].nodes);
    for (const NodeId u : result.proofs[i].nodes) CHECK(++in_parts[static_cast<std::size_t>(u)] == 1);
  }
}

TEST_CASE("the quick method closes what its stages prove and says where they do not suffice") {
  Settings settings;
  settings.method = Method::quick;
  for (const Instance& instance : {path(), star(), potts_grid(5, 3, 1)}) {
    const Result quick = solve(instance.problem(), settings);
    CHECK(quick.status == Status::optimal);
    CHECK(quick.cost == doctest::Approx(solve(instance.problem()).cost));
  }
  for (const Instance& instance : {triangle(), pentagon(), simplex_grid(7)}) {
    const Problem problem = instance.problem();
    const Result quick = solve(problem, settings);
    const double optimum = solve(problem).cost;
    CHECK(quick.status == Status::unproven);
    CHECK(quick.components[0].stage == Stage::open);
    CHECK(quick.lower_bound <= optimum + 1e-9);
    CHECK(quick.cost >= optimum - 1e-9);
    CHECK(check_certificate(problem, quick).ok());
  }
}

TEST_CASE("names of statuses and stages") {
  CHECK(name(Status::optimal) == "optimal");
  CHECK(name(Status::time_limit) == "time_limit");
  CHECK(name(Status::interrupted) == "interrupted");
  CHECK(name(Status::size_limit) == "size_limit");
  CHECK(name(Status::memory_limit) == "memory_limit");
  CHECK(name(Status::unproven) == "unproven");
  CHECK(name(Stage::open) == "open");
  CHECK(name(Stage::inspection) == "inspection");
  CHECK(name(Stage::enumeration) == "enumeration");
  CHECK(name(Stage::reduction) == "reduction");
  CHECK(name(Stage::dual_ascent) == "dual_ascent");
  CHECK(name(Stage::linear_program) == "linear_program");
  CHECK(name(Stage::branch_and_bound) == "branch_and_bound");
}

}  // namespace liid_cut::test
