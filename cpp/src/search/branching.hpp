// Which node and label a node of the search tree is divided by: strong branching.
//
// Candidates are the nodes that the LP is least certain of, each with its likeliest label. Some iterations of dual
// ascent bound both shares of each; taken is the candidate whose two bounds gain most, as a product (Achterberg, Koch,
// Martin, "Branching rules revisited", Oper. Res. Lett. 33, 2005). It costs a fraction of the LP that follows, and
// halves the trees of random regular graphs.
#pragma once

#include <span>
#include <utility>

#include "problem/potts_model.hpp"

namespace liid_cut {

// unary: the model's, with +infinity for the labels that are not left.
// x: the LP's solution (n_nodes x n_labels), or empty if there is none: then it is the first node with a choice and its
// cheapest label; where no node has a choice, the first node.
// messages: feasible ones, for the bounds; empty for zero. missing: what a bound must gain to prune its share.
std::pair<NodeId, LabelId> choose_split(const PottsModel& model, std::span<const double> unary,
                                        std::span<const double> x, std::span<const double> messages, double missing);

// The label of largest x among those of finite cost, lower ones first.
LabelId likeliest_label(std::span<const double> costs, std::span<const double> x);

}  // namespace liid_cut
