// The cut of one component while it is being found: labelling, bound, and the certificate of that bound.
#pragma once

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "liid_cut/result.hpp"
#include "liid_cut/settings.hpp"
#include "problem/potts_model.hpp"

namespace liid_cut {

struct ComponentCut {
  Labelling labels;
  double cost = 0;
  double lower_bound = 0;
  std::vector<double> messages;     // prove `lower_bound` unless a proof tree does; empty: all zero
  std::optional<ProofTree> proof;   // node ids are the model's own
  Status status = Status::optimal;  // why the component is open, if it is
  Stage stage = Stage::open;
  std::int64_t search_nodes = 0;

  void offer(const PottsModel& model, Labelling candidate) {
    const double candidate_cost = cost_of(model, candidate);
    if (candidate_cost >= cost) return;
    labels = std::move(candidate);
    cost = candidate_cost;
  }
  // Rounding can put a tight bound above the cost that it bounds.
  void raise_bound(double bound) { lower_bound = std::max(lower_bound, std::min(bound, cost)); }
};

inline bool is_closed(double cost, double bound, const Settings& settings) {
  return cost - bound <= settings.optimality_tolerance * std::max(1.0, std::abs(cost));
}
inline bool is_closed(const ComponentCut& cut, const Settings& settings) {
  return is_closed(cut.cost, cut.lower_bound, settings);
}

}  // namespace liid_cut
