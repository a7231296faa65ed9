// Neighbour lists of tiny similarity matrices, added tile by tile, and graphs from neighbour lists (Eq. 10), against
// the definitions.
#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <stdexcept>
#include <vector>

#include "bytes.hpp"
#include "liid_cut/graph.hpp"
#include "liid_cut/top_lists.hpp"
#include "tally.hpp"

namespace liid_cut::fuzz {
namespace {

enum Count { kRefused, kGraphs, kEdges, kLists };
constexpr const char* kNames[] = {"refused", "graphs judged", "edges in them", "lists judged"};
Tally tally(kNames);

void run_graph(Bytes& bytes) {
  const NodeId n = bytes.integer(1, 6);
  const int k = bytes.integer(0, 4);
  const Symmetrize symmetrize = bytes.next() % 2 == 0 ? Symmetrize::mutual_neighbours : Symmetrize::any_neighbour;
  const Weights kind = bytes.weight_kind();
  const double delta = bytes.weight(Weights::near_ties);
  std::vector<std::int64_t> ids;
  std::vector<double> cosines;
  bool valid = true;
  for (int i = 0; i < n * k; ++i) {
    const std::uint8_t byte = bytes.next();
    ids.push_back(byte == 255 ? n : byte % (n + 1) - 1);
    cosines.push_back(bytes.weight(kind) * (byte >= 128 ? -1 : 1));
    valid = valid && byte != 255;
  }
  // By pair and direction: the largest cosine that a row lists twice.
  std::map<std::pair<NodeId, NodeId>, double> found;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const auto u = static_cast<NodeId>(i / static_cast<std::size_t>(k));
    if (ids[i] < 0 || ids[i] == u) continue;
    const auto [at, fresh] = found.emplace(std::pair(u, static_cast<NodeId>(ids[i])), cosines[i]);
    if (!fresh) at->second = std::max(at->second, cosines[i]);
  }
  std::map<std::pair<NodeId, NodeId>, double> expected;
  for (const auto& [pair, cosine] : found) {
    const auto [u, v] = pair;
    const auto back = found.find({v, u});
    if (back == found.end() && symmetrize == Symmetrize::mutual_neighbours) continue;
    const double c = back == found.end() ? cosine : .5 * (cosine + back->second);
    if (delta * std::abs(c) != 0) expected[{std::min(u, v), std::max(u, v)}] = delta * std::abs(c);
  }
  try {
    const Graph graph = neighbour_graph(n, k, ids, cosines, delta, symmetrize);
    require(valid, "an id that is no node was not refused");
    std::map<std::pair<NodeId, NodeId>, double> edges;
    for (std::size_t e = 0; e < graph.edges().size(); ++e)
      edges[{graph.edges()[e].u, graph.edges()[e].v}] = graph.weights()[e];
    require(edges == expected && edges.size() == graph.edges().size(), "another graph");
    ++tally[kGraphs];
    tally[kEdges] += edges.size();
  } catch (const std::invalid_argument&) {
    require(!valid, "a valid table of neighbours was refused");
    ++tally[kRefused];
  }
}

void run_lists(Bytes& bytes) {
  const auto n = static_cast<std::size_t>(bytes.integer(1, 8));
  const auto length = static_cast<std::size_t>(bytes.integer(1, 4));
  const auto block = static_cast<std::size_t>(bytes.integer(1, 4));
  RowGroups groups;
  if (bytes.next() % 2 == 1) {
    groups.n_words = 1;
    for (std::size_t u = 0; u < n; ++u) groups.bits.push_back(bytes.next() % 8);
  }
  const std::uint8_t order = bytes.next();
  std::vector<float> similarities(n * n);
  for (std::size_t u = 0; u < n; ++u)
    for (std::size_t v = u; v < n; ++v)
      similarities[u * n + v] = similarities[v * n + u] =
          static_cast<float>(bytes.weight(order % 2 == 0 ? Weights::quarters : Weights::continuous) - 1);

  std::vector<std::pair<std::size_t, std::size_t>> tiles;
  for (std::size_t a = 0; a < n; a += block)
    for (std::size_t b = a; b < n; b += block) tiles.emplace_back(a, b);
  std::rotate(tiles.begin(), tiles.begin() + order % static_cast<int>(tiles.size()), tiles.end());
  TopLists<float> lists(n, length, groups);
  for (const auto& [a, b] : tiles) {
    const std::size_t n_a = std::min(block, n - a), n_b = std::min(block, n - b);
    std::vector<float> tile;
    for (std::size_t u = a; u < a + n_a; ++u)
      for (std::size_t v = b; v < b + n_b; ++v) tile.push_back(similarities[u * n + v]);
    lists.add(Tile{tile, a, n_a, b, n_b});
  }
  for (std::size_t u = 0; u < n; ++u) {
    std::vector<std::pair<float, RowId>> others;
    for (std::size_t v = 0; v < n; ++v)
      if (v != u && (groups.n_words == 0 || (groups.bits[u] & groups.bits[v]) != 0))
        others.emplace_back(-similarities[u * n + v], static_cast<RowId>(v));
    std::sort(others.begin(), others.end());
    others.resize(length, {std::numeric_limits<float>::infinity(), -1});
    for (std::size_t i = 0; i < length; ++i)
      require(
          lists.ids()[u * length + i] == others[i].second && lists.similarities()[u * length + i] == -others[i].first,
          "another list of neighbours");
  }
  ++tally[kLists];
}

}  // namespace
}  // namespace liid_cut::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace liid_cut::fuzz;
  Bytes bytes(data, size);
  bytes.next() % 2 == 0 ? run_graph(bytes) : run_lists(bytes);
  return 0;
}
