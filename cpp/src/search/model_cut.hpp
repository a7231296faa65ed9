// The cut of one model while it is being found: labelling, bound, and the certificate of that bound.
#pragma once

#include <algorithm>
#include <span>
#include <vector>

#include "bound/dual_bound.hpp"
#include "liid_cut/result.hpp"
#include "problem/potts_model.hpp"

namespace liid_cut {

struct ModelCut {
  Labelling labels;
  double cost = 0;
  double lower_bound = 0;
  std::vector<double> messages;   // n_edges x n_labels; empty: all zero
  std::vector<ProofPart> proofs;  // in the model's own node and edge numbers
  bool proofs_complete = true;
  Stage stage = Stage::inspection;  // the last one that was needed
  Status limit = Status::optimal;   // size or memory, if one kept a stage from running
  std::int64_t search_nodes = 0;

  double gap() const { return cost - lower_bound; }

  void offer(const PottsModel& model, Labelling candidate) {
    const double candidate_cost = cost_of(model, candidate);
    if (candidate_cost >= cost) return;
    labels = std::move(candidate);
    cost = candidate_cost;
  }
  // Rounding can put a tight bound above the cost that it bounds.
  void raise_bound(double bound) { lower_bound = std::max(lower_bound, std::min(bound, cost)); }

  void take_bound(ModelCut&& other) {
    lower_bound = other.lower_bound;
    messages = std::move(other.messages);
    proofs = std::move(other.proofs);
    proofs_complete = other.proofs_complete;
  }

  // Takes the messages if they prove more.
  void offer_messages(const PottsModel& model, std::vector<double> candidate) {
    normalise(model, candidate);
    const double bound = dual_bound(model, model.unary, candidate);
    if (bound < lower_bound || (bound == lower_bound && !messages.empty())) return;
    raise_bound(bound);
    messages = std::move(candidate);
  }
};

// The labellings of the whole model, as the proof `step` divides them.
ProofPart whole_model_part(const PottsModel& model, ProofNode step);

// A proof in the numbers of a model, in those of what the model was cut out of: nodes[u], and edges[e], which ascend.
void renumber(ProofPart& part, std::span<const NodeId> nodes, std::span<const EdgeId> edges);

}  // namespace liid_cut
