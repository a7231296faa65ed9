// Neighbour lists to the weighted graph of Eq. 10.
#include <doctest/doctest.h>

#include <limits>
#include <stdexcept>

#include "factories.hpp"

namespace liid_cut::test {
namespace {

constexpr auto kMutual = Symmetrize::mutual_neighbours;
constexpr auto kAny = Symmetrize::any_neighbour;

std::vector<Edge> edges_of(const Graph& graph) { return {graph.edges().begin(), graph.edges().end()}; }

Graph graph_of(NodeId n, int k, const std::vector<std::int64_t>& ids, const std::vector<double>& cosines,
               Symmetrize symmetrize, Weight delta = 5) {
  return neighbour_graph(n, k, ids, cosines, delta, symmetrize);
}

}  // namespace

TEST_CASE("the mutual graph keeps pairs that are seen from both ends, the union graph all") {
  //  0 <-> 1 <- 2
  const std::vector<std::int64_t> ids{1, 0, 1};
  const std::vector<double> cosines{.5, .5, .25};
  const Graph mutual = graph_of(3, 1, ids, cosines, kMutual);
  CHECK(edges_of(mutual) == std::vector<Edge>{{0, 1}});
  CHECK(mutual.weights()[0] == 2.5);
  const Graph any = graph_of(3, 1, ids, cosines, kAny);
  CHECK(edges_of(any) == std::vector<Edge>{{0, 1}, {1, 2}});
  CHECK(any.weights()[1] == 1.25);
}

TEST_CASE("cosines of both directions are averaged") {
  CHECK(graph_of(2, 1, {1, 0}, {.25, .75}, kMutual).weights()[0] == 2.5);
  CHECK(graph_of(2, 1, {1, 0}, {.25, .75}, kAny).weights()[0] == 2.5);
}

TEST_CASE("the weight is delta times the absolute cosine") {
  CHECK(graph_of(2, 1, {1, 0}, {-.5, -.5}, kMutual, 3).weights()[0] == 1.5);
}

TEST_CASE("a node is never its own neighbour, wherever its list names it") {
  const Graph graph = graph_of(2, 2, {0, 1, 0, 1}, {1, .5, .5, 1}, kMutual);
  CHECK(edges_of(graph) == std::vector<Edge>{{0, 1}});
  CHECK(graph.weights()[0] == 2.5);
}

TEST_CASE("a row that lists a node twice counts it once") {
  CHECK(edges_of(graph_of(2, 2, {1, 1, -1, -1}, {.5, .5, 0, 0}, kMutual)).empty());
  CHECK(graph_of(2, 2, {1, 1, 0, 0}, {.5, .5, .5, .5}, kMutual).weights()[0] == 2.5);
}

TEST_CASE("negative ids fill up short rows, whatever their cosine") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(edges_of(graph_of(3, 2, {1, -1, 0, -1, -1, -1}, {1, nan, 1, nan, nan, nan}, kMutual)) ==
        std::vector<Edge>{{0, 1}});
}

TEST_CASE("no neighbours or a delta of zero give a graph without edges") {
  CHECK(graph_of(3, 0, {}, {}, kAny).n_edges() == 0);
  CHECK(graph_of(2, 1, {1, 0}, {1, 1}, kMutual, 0).n_edges() == 0);
  CHECK(graph_of(0, 3, {}, {}, kAny).n_nodes() == 0);
}

TEST_CASE("neighbour_graph rejects a list of ids of another size") {
  CHECK_THROWS_WITH_AS(graph_of(2, 1, {1}, {1, 1}, kAny),
                       "neighbours and cosines must both have n_nodes * n_neighbours entries", std::invalid_argument);
}

TEST_CASE("neighbour_graph rejects a list of cosines of another size") {
  CHECK_THROWS_WITH_AS(graph_of(2, 1, {1, 0}, {1}, kAny),
                       "neighbours and cosines must both have n_nodes * n_neighbours entries", std::invalid_argument);
}

TEST_CASE("neighbour_graph rejects a negative delta") {
  CHECK_THROWS_WITH_AS(graph_of(2, 1, {1, 0}, {1, 1}, kAny, -1), "delta is -1; it must be a finite number >= 0",
                       std::invalid_argument);
}

TEST_CASE("neighbour_graph rejects a delta that is not finite") {
  CHECK_THROWS_WITH_AS(graph_of(2, 1, {1, 0}, {1, 1}, kAny, std::numeric_limits<double>::infinity()),
                       "delta is inf; it must be a finite number >= 0", std::invalid_argument);
}

TEST_CASE("neighbour_graph rejects an id that is too large") {
  CHECK_THROWS_WITH_AS(graph_of(2, 1, {1, 2}, {1, .5}, kAny),
                       "neighbours[1, 0] is 2 with cosine 0.5; ids are 0 to 1 (negative: none) and cosines finite",
                       std::invalid_argument);
}

TEST_CASE("neighbour_graph rejects an id that overflows a node id") {
  CHECK_THROWS_WITH_AS(graph_of(2, 1, {1, std::int64_t{1} << 32}, {1, 1}, kAny),
                       doctest::Contains("neighbours[1, 0] is 4294967296"), std::invalid_argument);
}

TEST_CASE("neighbour_graph rejects a cosine that is no number") {
  CHECK_THROWS_WITH_AS(graph_of(2, 1, {1, 0}, {1, std::numeric_limits<double>::quiet_NaN()}, kAny),
                       "neighbours[1, 0] is 0 with cosine nan; ids are 0 to 1 (negative: none) and cosines finite",
                       std::invalid_argument);
}

}  // namespace liid_cut::test
