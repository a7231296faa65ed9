// See branching.hpp.
#include "search/branching.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "bound/dual_ascent.hpp"
#include "bound/dual_bound.hpp"

namespace liid_cut {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr std::size_t kMostCandidates = 32;
constexpr int kIterations = 8;
// A share that gains nothing must not hide what the other gains.
constexpr double kLeastGain = 1e-6;

struct Candidate {
  double certainty;  // x of the label
  NodeId node;
  LabelId label;
};

std::size_t labels_left(std::span<const double> costs) {
  return static_cast<std::size_t>(std::count_if(costs.begin(), costs.end(), [](double c) { return std::isfinite(c); }));
}

std::vector<Candidate> least_certain(const PottsModel& model, std::span<const double> unary,
                                     std::span<const double> x) {
  std::vector<Candidate> candidates;
  for (NodeId u = 0; u < model.n_nodes; ++u) {
    const auto costs = unary.subspan(model.index(u, 0), model.columns());
    if (labels_left(costs) < 2) continue;
    const LabelId k = likeliest_label(costs, x.subspan(model.index(u, 0), model.columns()));
    candidates.push_back({x[model.index(u, k)], u, k});
  }
  std::stable_sort(candidates.begin(), candidates.end(),
                   [](const Candidate& a, const Candidate& b) { return a.certainty < b.certainty; });
  if (candidates.size() > kMostCandidates) candidates.resize(kMostCandidates);
  return candidates;
}

std::pair<NodeId, LabelId> first_choice(const PottsModel& model, std::span<const double> unary) {
  const auto costs_of = [&](NodeId u) { return unary.subspan(model.index(u, 0), model.columns()); };
  NodeId first = 0;
  while (first < model.n_nodes && labels_left(costs_of(first)) < 2) ++first;
  if (first == model.n_nodes) first = 0;
  const auto costs = costs_of(first);
  return {first, static_cast<LabelId>(std::min_element(costs.begin(), costs.end()) - costs.begin())};
}

double bound_after_ascent(const PottsModel& model, std::span<const double> messages) {
  DualAscent ascent(model, messages);
  Labelling labels;
  for (int i = 0; i < kIterations; ++i) ascent.iterate(labels);
  std::vector<double> ascended = ascent.messages();
  normalise(model, ascended);
  return dual_bound(model, model.unary, ascended);
}

}  // namespace

LabelId likeliest_label(std::span<const double> costs, std::span<const double> x) {
  LabelId best = kNoLabel;
  for (std::size_t k = 0; k < x.size(); ++k)
    if (std::isfinite(costs[k]) && (best == kNoLabel || x[k] > x[static_cast<std::size_t>(best)]))
      best = static_cast<LabelId>(k);
  return best;
}

std::pair<NodeId, LabelId> choose_split(const PottsModel& model, std::span<const double> unary,
                                        std::span<const double> x, std::span<const double> messages, double missing) {
  const std::vector<Candidate> candidates = x.empty() ? std::vector<Candidate>{} : least_certain(model, unary, x);
  if (candidates.empty()) return first_choice(model, unary);
  PottsModel share = model;
  share.unary.assign(unary.begin(), unary.end());
  const double before = bound_after_ascent(share, messages);
  const auto gain = [&] {
    return std::clamp(bound_after_ascent(share, messages) - before, kLeastGain * missing, missing);
  };
  const Candidate* best = nullptr;
  double best_score = -kInfinity;
  for (const Candidate& candidate : candidates) {
    const auto costs = std::span(share.unary).subspan(model.index(candidate.node, 0), model.columns());
    const std::vector<double> all(costs.begin(), costs.end());
    double& cost = costs[static_cast<std::size_t>(candidate.label)];
    std::fill(costs.begin(), costs.end(), kInfinity);
    cost = all[static_cast<std::size_t>(candidate.label)];
    const double taken = gain();
    std::copy(all.begin(), all.end(), costs.begin());
    cost = kInfinity;
    const double dropped = gain();
    std::copy(all.begin(), all.end(), costs.begin());
    if (taken * dropped > best_score) {
      best_score = taken * dropped;
      best = &candidate;
    }
  }
  return {best->node, best->label};
}

}  // namespace liid_cut
