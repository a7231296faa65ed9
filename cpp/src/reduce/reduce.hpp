// Reductions to a fixed point, and the kernels that are left.
#pragma once

#include <vector>

#include "reduce/reduced_model.hpp"

namespace liid_cut {

// What is left of a model: a connected piece of at least one edge, as a model of its own.
struct Kernel {
  PottsModel model;
  std::vector<NodeId> nodes;  // its nodes in the reduced model
  std::vector<EdgeId> edges;  // its edges in the reduced model
};

enum class Rules {
  all,
  // Those that leave every node of a kernel itself and all of its labels. A label that left because another is never
  // worse may come back once a proof rules out that other one, and a contracted node's label is not one node's; so only
  // these rules go together with proofs that branch or rule out labels.
  safe_under_restriction,
};

// Applies the rules, cheapest first, until none applies to any node.
void reduce(ReducedModel& model, Rules rules);

// Pieces in the order of their smallest node. Nodes are numbered breadth first from it, so that neighbours lie near
// each other in memory; edges ascend.
std::vector<Kernel> kernels_of(ReducedModel& reduced, const PottsModel& original);

}  // namespace liid_cut
