// Edge lists to canonical graphs, and their CSR rows.
#include <doctest/doctest.h>

#include <algorithm>
#include <limits>
#include <stdexcept>

#include "random_instances.hpp"

namespace liid_cut::test {
namespace {

std::vector<Edge> edges_of(const Graph& graph) { return {graph.edges().begin(), graph.edges().end()}; }
std::vector<Weight> weights_of(const Graph& graph) { return {graph.weights().begin(), graph.weights().end()}; }

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

}  // namespace

TEST_CASE("from_edges orders the ends of each edge and sorts the edges") {
  const Graph graph = Graph::from_edges(4, {{3, 1}, {2, 0}, {0, 1}}, {3, 2, 1});
  CHECK(graph.n_nodes() == 4);
  CHECK(graph.n_edges() == 3);
  CHECK(edges_of(graph) == std::vector<Edge>{{0, 1}, {0, 2}, {1, 3}});
  CHECK(weights_of(graph) == std::vector<Weight>{1, 2, 3});
}

TEST_CASE("from_edges adds the weights of parallel edges, whichever way round they are") {
  const Graph graph = Graph::from_edges(3, {{0, 1}, {1, 2}, {1, 0}}, {1, 2, .5});
  CHECK(edges_of(graph) == std::vector<Edge>{{0, 1}, {1, 2}});
  CHECK(weights_of(graph) == std::vector<Weight>{1.5, 2});
}

TEST_CASE("from_edges drops weights of zero, of either sign") {
  CHECK(edges_of(Graph::from_edges(3, {{0, 1}, {1, 2}, {0, 2}}, {0, 1, -0.0})) == std::vector<Edge>{{1, 2}});
}

TEST_CASE("from_edges gives the same bits for every order of the edges") {
  Random random(1);
  std::vector<std::pair<Edge, Weight>> list;
  for (int i = 0; i < 40; ++i) list.push_back({{integer(random, 0, 2), integer(random, 3, 5)}, uniform(random)});
  const auto graph_of = [&] {
    std::vector<Edge> edges;
    std::vector<Weight> weights;
    for (const auto& [edge, w] : list) {
      edges.push_back(edge);
      weights.push_back(w);
    }
    return Graph::from_edges(6, edges, weights);
  };
  const Graph expected = graph_of();
  for (int i = 0; i < 20; ++i) {
    std::shuffle(list.begin(), list.end(), random);
    const Graph graph = graph_of();
    CHECK(edges_of(graph) == edges_of(expected));
    CHECK(weights_of(graph) == weights_of(expected));
  }
}

TEST_CASE("a graph may have no edges and no nodes") {
  CHECK(Graph::from_edges(3, {}, {}).n_edges() == 0);
  CHECK(Graph::from_edges(0, {}, {}).n_nodes() == 0);
}

TEST_CASE("from_edges rejects a list of weights of another length") {
  CHECK_THROWS_WITH_AS(Graph::from_edges(2, {{0, 1}}, {1, 2}), "graph: 1 edges but 2 weights; every edge needs one",
                       std::invalid_argument);
}

TEST_CASE("from_edges rejects an end that is too large") {
  CHECK_THROWS_WITH_AS(Graph::from_edges(2, {{0, 1}, {0, 2}}, {1, 1}),
                       "graph: edge 1 is (0, 2); both ends must be 0 to 1", std::invalid_argument);
}

TEST_CASE("from_edges rejects a negative end") {
  CHECK_THROWS_WITH_AS(Graph::from_edges(2, {{-1, 1}}, {1}), "graph: edge 0 is (-1, 1); both ends must be 0 to 1",
                       std::invalid_argument);
}

TEST_CASE("from_edges rejects a self-loop") {
  CHECK_THROWS_WITH_AS(Graph::from_edges(2, {{1, 1}}, {1}), "graph: edge 0 is (1, 1); self-loops are not allowed",
                       std::invalid_argument);
}

TEST_CASE("from_edges rejects a negative weight") {
  CHECK_THROWS_WITH_AS(Graph::from_edges(2, {{0, 1}}, {-.5}),
                       "graph: weight of edge 0 (0, 1) is -0.5; every weight must be a finite number >= 0",
                       std::invalid_argument);
}

TEST_CASE("from_edges rejects a weight that is no number") {
  CHECK_THROWS_WITH_AS(Graph::from_edges(2, {{0, 1}}, {kNan}),
                       "graph: weight of edge 0 (0, 1) is nan; every weight must be a finite number >= 0",
                       std::invalid_argument);
}

TEST_CASE("from_edges rejects an infinite weight") {
  CHECK_THROWS_WITH_AS(Graph::from_edges(2, {{0, 1}}, {kInfinity}),
                       "graph: weight of edge 0 (0, 1) is inf; every weight must be a finite number >= 0",
                       std::invalid_argument);
}

TEST_CASE("from_edges rejects parallel edges whose weights overflow") {
  CHECK_THROWS_WITH_AS(Graph::from_edges(2, {{0, 1}, {0, 1}}, {1e308, 1e308}),
                       doctest::Contains("its parallel edges weigh more than a double can hold"),
                       std::invalid_argument);
}

TEST_CASE("adjacency lists every edge at both ends, by edge id") {
  const Instance instance = star();
  const Adjacency adjacency(instance.graph.n_nodes(), instance.graph.edges());
  CHECK(adjacency[0].size() == 3);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(adjacency[0][i].neighbour == static_cast<NodeId>(i + 1));
    CHECK(adjacency[0][i].edge == static_cast<EdgeId>(i));
  }
  for (NodeId leaf = 1; leaf <= 3; ++leaf) {
    REQUIRE(adjacency[leaf].size() == 1);
    CHECK(adjacency[leaf][0].neighbour == 0);
    CHECK(adjacency[leaf][0].edge == leaf - 1);
  }
}

}  // namespace liid_cut::test
