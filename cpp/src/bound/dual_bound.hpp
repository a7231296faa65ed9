// The lower bound that dual messages prove, and the messages that make a decided labelling's bound exact.
//
// Source: the dual of the Calinescu-Karloff-Rabani relaxation (JCSS 60, 2000), see liid_cut/result.hpp. For a Potts
// model it is the dual of the local polytope (Werner, "A linear programming approach to max-sum problem", 2007).
#pragma once

#include <span>
#include <vector>

#include "problem/potts_model.hpp"

namespace liid_cut {

// sum_u min_k (unary[u,k] + sum of messages), with `unary` in place of the model's own: +infinity marks a label that a
// branching has ruled out. +infinity if some node has none left.
// Precondition: on every edge the messages (n_edges x n_labels) spread by at most its weight.
double dual_bound(const PottsModel& model, std::span<const double> unary, std::span<const double> messages);

// Messages whose bound is cost_of(model, labels) when `labels` are the only ones left: y[e, k] = w(e) for the label k
// of the first end of a cut edge, else 0.
std::vector<double> messages_of_labelling(const PottsModel& model, std::span<const LabelId> labels);

}  // namespace liid_cut
