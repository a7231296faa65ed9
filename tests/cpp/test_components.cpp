// Connected components against a search through the graph.
#include <doctest/doctest.h>

#include "random_instances.hpp"

namespace liid_cut::test {
namespace {

// Component ids by depth-first search from each node in turn.
std::vector<ComponentId> searched(const Graph& graph) {
  const Adjacency adjacency(graph.n_nodes(), graph.edges());
  std::vector<ComponentId> found(static_cast<std::size_t>(graph.n_nodes()), -1);
  ComponentId next = 0;
  for (NodeId root = 0; root < graph.n_nodes(); ++root) {
    if (found[static_cast<std::size_t>(root)] >= 0) continue;
    std::vector<NodeId> stack{root};
    while (!stack.empty()) {
      const NodeId u = stack.back();
      stack.pop_back();
      if (found[static_cast<std::size_t>(u)] >= 0) continue;
      found[static_cast<std::size_t>(u)] = next;
      for (const Incidence& at : adjacency[u]) stack.push_back(at.neighbour);
    }
    ++next;
  }
  return found;
}

Graph random_graph(Random& random, NodeId n, int n_edges) {
  std::vector<Edge> edges;
  for (int i = 0; i < n_edges; ++i) {
    const Edge edge{integer(random, 0, n - 1), integer(random, 0, n - 1)};
    if (edge.u != edge.v) edges.push_back(edge);
  }
  std::vector<Weight> weights(edges.size(), 1.0);
  return Graph::from_edges(n, std::move(edges), std::move(weights));
}

}  // namespace

TEST_CASE("components are numbered by their smallest node") {
  const Components components = find_components(two_triangles().graph);
  CHECK(components.count() == 3);
  CHECK(components.component_of == std::vector<ComponentId>{0, 1, 0, 2, 1, 0, 1});
  CHECK(std::vector<NodeId>(components.nodes_of(1).begin(), components.nodes_of(1).end()) ==
        std::vector<NodeId>{1, 4, 6});
  CHECK(components.edges_of(0).size() == 3);
  CHECK(components.edges_of(2).empty());
}

TEST_CASE("components agree with a search; nodes and edges ascend and belong") {
  Random random(3);
  for (int i = 0; i < 200; ++i) {
    const NodeId n = integer(random, 1, 40);
    const Graph graph = random_graph(random, n, integer(random, 0, 40));
    const Components components = find_components(graph);
    REQUIRE(components.component_of == searched(graph));
    std::size_t n_nodes = 0;
    std::size_t n_edges = 0;
    for (ComponentId t = 0; t < components.count(); ++t) {
      const auto nodes = components.nodes_of(t);
      const auto edges = components.edges_of(t);
      CHECK(std::is_sorted(nodes.begin(), nodes.end()));
      CHECK(std::is_sorted(edges.begin(), edges.end()));
      for (const NodeId u : nodes) CHECK(components.component_of[static_cast<std::size_t>(u)] == t);
      for (const EdgeId e : edges) {
        const Edge edge = graph.edges()[static_cast<std::size_t>(e)];
        CHECK(components.component_of[static_cast<std::size_t>(edge.u)] == t);
        CHECK(components.component_of[static_cast<std::size_t>(edge.v)] == t);
      }
      n_nodes += nodes.size();
      n_edges += edges.size();
    }
    CHECK(n_nodes == static_cast<std::size_t>(n));
    CHECK(n_edges == graph.edges().size());
  }
}

TEST_CASE("every node of a graph without edges is a component; no nodes, none") {
  CHECK(find_components(Graph::from_edges(4, {}, {})).count() == 4);
  CHECK(find_components(Graph::from_edges(0, {}, {})).count() == 0);
}

TEST_CASE("a long path is one component") {
  std::vector<Edge> edges;
  for (NodeId u = 0; u + 1 < 20000; ++u) edges.push_back({u, u + 1});
  const std::vector<Weight> weights(edges.size(), 1.0);
  CHECK(find_components(Graph::from_edges(20000, edges, weights)).count() == 1);
}

}  // namespace liid_cut::test
