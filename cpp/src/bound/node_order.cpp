// See node_order.hpp.
#include "bound/node_order.hpp"

#include <algorithm>
#include <numeric>
#include <tuple>
#include <utility>

namespace liid_cut {

std::vector<NodeId> reverse_cuthill_mckee(const PottsModel& model) {
  const auto degree = [&](NodeId u) { return model.adjacency[u].size(); };
  const auto by_degree = [&](NodeId a, NodeId b) { return std::tuple(degree(a), a) < std::tuple(degree(b), b); };
  std::vector<NodeId> starts(static_cast<std::size_t>(model.n_nodes));
  std::iota(starts.begin(), starts.end(), NodeId{0});
  std::sort(starts.begin(), starts.end(), by_degree);

  std::vector<char> seen(starts.size(), 0);
  std::vector<NodeId> order;
  order.reserve(starts.size());
  for (const NodeId start : starts) {
    if (seen[static_cast<std::size_t>(start)] != 0) continue;
    seen[static_cast<std::size_t>(start)] = 1;
    order.push_back(start);
    for (std::size_t next = order.size() - 1; next < order.size(); ++next) {
      const std::size_t first = order.size();
      for (const auto [v, e] : model.adjacency[order[next]])
        if (!std::exchange(seen[static_cast<std::size_t>(v)], 1)) order.push_back(v);
      std::sort(order.begin() + static_cast<std::ptrdiff_t>(first), order.end(), by_degree);
    }
  }
  std::reverse(order.begin(), order.end());
  return order;
}

}  // namespace liid_cut
