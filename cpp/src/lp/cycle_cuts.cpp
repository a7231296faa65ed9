// See cycle_cuts.hpp.
#include "lp/cycle_cuts.hpp"

#include <algorithm>
#include <limits>
#include <queue>
#include <set>
#include <utility>

namespace liid_cut {
namespace {

constexpr double kLeastViolation = 1e-4;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

class Separator {
 public:
  Separator(const PottsModel& model, std::span<const double> x)
      : model_(model),
        x_(x),
        length_(model.n_edges()),
        distance_(static_cast<std::size_t>(model.n_nodes), kInfinity),
        arrived_by_(distance_.size()) {
    for (std::size_t e = 0; e < model.n_edges(); ++e) length_[e] = difference(model.edges[e].u, model.edges[e].v);
  }

  std::vector<ProofCut> run() {
    for (std::size_t e = 0; e < model_.n_edges(); ++e) {
      if (length_[e] < kLeastViolation || length_[e] > 1 - kLeastViolation) continue;
      add_triangles(static_cast<EdgeId>(e));
      add_shortest_cycle(static_cast<EdgeId>(e));
    }
    std::stable_sort(found_.begin(), found_.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
    std::vector<ProofCut> cuts;
    for (auto& [violation, cut] : found_) cuts.push_back(std::move(cut));
    return cuts;
  }

 private:
  double x(NodeId u, LabelId k) const { return x_[model_.index(u, k)]; }

  // Half of |x_u - x_v|_1.
  double difference(NodeId u, NodeId v) const {
    double shared = 0;
    for (LabelId k = 0; k < model_.n_labels; ++k) shared += std::min(x(u, k), x(v, k));
    return std::max(0.0, 1 - shared);
  }

  void add_triangles(EdgeId e) {
    const auto [u, v] = model_.edges[static_cast<std::size_t>(e)];
    for (const auto [a, f] : model_.adjacency[u])
      for (const auto [b, g] : model_.adjacency[v])
        if (a == b) offer({e, f, g});
  }

  // Dijkstra from one end of the edge to the other without it, within the length that a violated cycle can have.
  void add_shortest_cycle(EdgeId through) {
    const auto [start, goal] = model_.edges[static_cast<std::size_t>(through)];
    const double limit = 2 - kLeastViolation - length_[static_cast<std::size_t>(through)];
    std::vector<NodeId> reached{start};
    std::priority_queue<std::pair<double, NodeId>, std::vector<std::pair<double, NodeId>>, std::greater<>> queue;
    distance_[static_cast<std::size_t>(start)] = 0;
    queue.push({0, start});
    while (!queue.empty() && queue.top().second != goal) {
      const auto [d, u] = queue.top();
      queue.pop();
      if (d > distance_[static_cast<std::size_t>(u)]) continue;
      for (const auto [v, e] : model_.adjacency[u]) {
        const double there = d + length_[static_cast<std::size_t>(e)];
        double& best = distance_[static_cast<std::size_t>(v)];
        if (e == through || there > limit || there >= best) continue;
        if (best == kInfinity) reached.push_back(v);
        best = there;
        arrived_by_[static_cast<std::size_t>(v)] = {u, e};
        queue.push({there, v});
      }
    }
    if (distance_[static_cast<std::size_t>(goal)] < kInfinity) {
      std::vector<EdgeId> cycle{through};
      for (NodeId u = goal; u != start; u = arrived_by_[static_cast<std::size_t>(u)].neighbour)
        cycle.push_back(arrived_by_[static_cast<std::size_t>(u)].edge);
      offer(std::move(cycle));
    }
    for (const NodeId u : reached) distance_[static_cast<std::size_t>(u)] = kInfinity;
  }

  void offer(std::vector<EdgeId> cycle) {
    std::sort(cycle.begin(), cycle.end());
    if (!seen_.insert(cycle).second) return;
    double left = 2;
    std::vector<NodeId> nodes;
    for (const EdgeId e : cycle) {
      left -= length_[static_cast<std::size_t>(e)];
      nodes.push_back(model_.edges[static_cast<std::size_t>(e)].u);
      nodes.push_back(model_.edges[static_cast<std::size_t>(e)].v);
    }
    std::sort(nodes.begin(), nodes.end());
    ProofCut cut;
    for (LabelId k = 0; k < model_.n_labels; ++k) {
      const NodeId named =
          *std::min_element(nodes.begin(), nodes.end(), [&](NodeId u, NodeId v) { return x(u, k) < x(v, k); });
      cut.named.push_back(named);
      left -= 2 * x(named, k);
    }
    if (left < kLeastViolation) return;
    cut.edges = std::move(cycle);
    found_.emplace_back(left, std::move(cut));
  }

  const PottsModel& model_;
  std::span<const double> x_;
  std::vector<double> length_;
  std::vector<double> distance_;
  std::vector<Incidence> arrived_by_;
  std::set<std::vector<EdgeId>> seen_;
  std::vector<std::pair<double, ProofCut>> found_;
};

}  // namespace

std::vector<ProofCut> violated_cycle_cuts(const PottsModel& model, std::span<const double> x) {
  return Separator(model, x).run();
}

}  // namespace liid_cut
