// Reverse Cuthill-McKee: every node once, and neighbours near each other.
#include "bound/node_order.hpp"

#include <doctest/doctest.h>

#include <numeric>

#include "models.hpp"

namespace liid_cut::test {
namespace {

// The largest distance between the places of two neighbours.
NodeId bandwidth(const PottsModel& model, const std::vector<NodeId>& order) {
  std::vector<NodeId> place(order.size());
  for (std::size_t i = 0; i < order.size(); ++i) place[static_cast<std::size_t>(order[i])] = static_cast<NodeId>(i);
  NodeId largest = 0;
  for (const auto [u, v] : model.edges)
    largest = std::max(largest, std::abs(place[static_cast<std::size_t>(u)] - place[static_cast<std::size_t>(v)]));
  return largest;
}

std::vector<NodeId> shuffled(NodeId n, Random& random) {
  std::vector<NodeId> ids(static_cast<std::size_t>(n));
  std::iota(ids.begin(), ids.end(), NodeId{0});
  for (std::size_t i = ids.size(); i > 1; --i) std::swap(ids[i - 1], ids[random() % i]);
  return ids;
}

}  // namespace

TEST_CASE("an order holds every node once, components and all") {
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    const PottsModel model = random_model(seed);
    std::vector<NodeId> order = reverse_cuthill_mckee(model);
    std::sort(order.begin(), order.end());
    REQUIRE(order.size() == static_cast<std::size_t>(model.n_nodes));
    for (std::size_t i = 0; i < order.size(); ++i) CHECK(order[i] == static_cast<NodeId>(i));
  }
}

TEST_CASE("neighbours are next to each other on a path, however its nodes are numbered") {
  Random random(6);
  for (int i = 0; i < 50; ++i) {
    const std::vector<NodeId> ids = shuffled(integer(random, 2, 40), random);
    std::vector<Edge> edges;
    for (std::size_t j = 0; j + 1 < ids.size(); ++j) edges.push_back({ids[j], ids[j + 1]});
    std::vector<Weight> weights(edges.size(), 1.0);
    const PottsModel model =
        model_of(make_instance(1, std::vector<double>(ids.size(), 1.0), std::move(edges), std::move(weights)));
    CHECK(bandwidth(model, reverse_cuthill_mckee(model)) == 1);
  }
}

TEST_CASE("neighbours are within about a row on a grid whose nodes are numbered at random") {
  Random random(7);
  const int side = 12;
  const std::vector<NodeId> ids = shuffled(side * side, random);
  PottsModel model = model_of(potts_grid(side, 1, 1));
  for (Edge& edge : model.edges) edge = {ids[static_cast<std::size_t>(edge.u)], ids[static_cast<std::size_t>(edge.v)]};
  model.adjacency = Adjacency(model.n_nodes, model.edges);
  CHECK(bandwidth(model, reverse_cuthill_mckee(model)) <= 2 * side);
}

}  // namespace liid_cut::test
