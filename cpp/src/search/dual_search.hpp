// Branch and bound with the bound of dual ascent at the nodes: for small kernels, where it needs microseconds a node
// and setting up a linear program takes milliseconds.
//
// Depth first, the label that seems best first. A node of the tree is pruned when its bound reaches the cost of the
// best labelling; labels that its bound rules out are gone below it. Every pruned node keeps its messages, and so the
// tree is the proof (see ProofNode).
#pragma once

#include <span>

#include "search/context.hpp"
#include "search/model_cut.hpp"

namespace liid_cut {

// Searches `model` from cut.messages on, at most `most_nodes` nodes of the tree and Settings::max_proof_bytes of proof.
// Whether it is closed: `cut` then holds the optimum and its proof. Otherwise it holds the best labelling found, and
// its bound is as it was.
bool search_by_dual_ascent(const PottsModel& model, double tolerance, std::int64_t most_nodes,
                           const SearchContext& context, std::span<const LabelId> debug_labels, ModelCut& cut);

}  // namespace liid_cut
