// Models of components against the problem that they were cut out of.
#include <doctest/doctest.h>

#include "checks.hpp"
#include "problem/potts_model.hpp"
#include "random_instances.hpp"

namespace liid_cut::test {

TEST_CASE("a component's model renumbers its nodes and edges in ascending order") {
  const Instance instance = two_triangles();
  const Problem problem = instance.problem();
  const Components components = find_components(problem.graph);
  const PottsModel model = component_model(problem, components, 1);  // nodes 1, 4, 6
  CHECK(model.n_nodes == 3);
  CHECK(model.n_labels == 3);
  CHECK(model.unary == std::vector<double>{1, 1, 2, 2, 1, 1, 1, 2, 1});
  CHECK(model.edges == std::vector<Edge>{{0, 1}, {0, 2}, {1, 2}});
  CHECK(model.weights == std::vector<Weight>{.5, .5, .5});
  CHECK(model.adjacency[2].size() == 2);
}

TEST_CASE("equal components give equal models wherever they stand") {
  const Instance alone = triangle();
  const Instance both = two_triangles();
  const Problem problem = both.problem();
  const PottsModel expected = whole_model(alone.problem());
  const PottsModel model = component_model(problem, find_components(problem.graph), 0);
  CHECK(model.unary == expected.unary);
  CHECK(model.edges == expected.edges);
  CHECK(model.weights == expected.weights);
}

TEST_CASE("labels that are not allowed cost infinity") {
  Instance instance = path();
  allow_only(instance, {1, 0, 1, 1, 1, 1, 0, 1});
  const PottsModel model = whole_model(instance.problem());
  CHECK(model.is_allowed(0, 0));
  CHECK_FALSE(model.is_allowed(0, 1));
  CHECK_FALSE(model.is_allowed(3, 0));
  CHECK(model.costs_of(1)[0] == .5);
}

TEST_CASE("costs of components add up to the cost of the whole, for every labelling") {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const Instance instance = trial(seed);
    const Problem problem = instance.problem();
    const Components components = find_components(problem.graph);
    const Optimum optimum = enumerate(instance);
    double sum = 0;
    for (ComponentId t = 0; t < components.count(); ++t) {
      Labelling labels;
      for (const NodeId u : components.nodes_of(t)) labels.push_back(optimum.labels[static_cast<std::size_t>(u)]);
      sum += cost_of(component_model(problem, components, t), labels);
    }
    CHECK(sum == doctest::Approx(optimum.cost).epsilon(kTolerance));
    CHECK(cost_of(whole_model(problem), optimum.labels) == doctest::Approx(optimum.cost).epsilon(kTolerance));
  }
}

}  // namespace liid_cut::test
