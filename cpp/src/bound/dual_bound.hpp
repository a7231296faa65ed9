// The lower bound that dual messages prove, and the messages that make a decided labelling's bound exact.
//
// Source: the dual of the Calinescu-Karloff-Rabani relaxation (JCSS 60, 2000), see liid_cut/result.hpp. For a Potts
// model it is the dual of the local polytope (Werner, "A linear programming approach to max-sum problem", 2007).
#pragma once

#include <span>
#include <vector>

#include "liid_cut/result.hpp"
#include "problem/potts_model.hpp"

namespace liid_cut {

// unary[u,k] plus the messages of u's edges, for every u and k.
std::vector<double> reparametrised(const PottsModel& model, std::span<const double> unary,
                                   std::span<const double> messages);

// sum_u min_k costs[u,k]; +infinity if some node has no label of finite cost.
double sum_of_minima(const PottsModel& model, std::span<const double> costs);

// sum_u min_k (unary[u,k] + sum of messages), with `unary` in place of the model's own: +infinity marks a label that a
// branching has ruled out. +infinity if some node has none left.
// Messages: n_edges x n_labels, empty for zero. Precondition: on every edge they spread by at most its weight.
double dual_bound(const PottsModel& model, std::span<const double> unary, std::span<const double> messages);

// By how much two sums over the same messages, in different orders, can differ: d + 1 terms at a node of degree d, none
// of which is above the node's weights but costs that the bound itself pays (Higham, "Accuracy and Stability of
// Numerical Algorithms", 2002, section 4.2), four times over for proofs that divide the model and add up anew.
double rounding_of_bounds(const PottsModel& model);

// The unary costs less what the multipliers of `cuts` take from them; their edges are for messages that spread by less.
std::vector<double> without_cuts(const PottsModel& model, std::span<const double> unary,
                                 std::span<const ProofCut> cuts);

// What the cuts add to a bound: two multipliers each.
double bound_of_cuts(std::span<const ProofCut> cuts);

// Shifts the messages of every edge so that the smallest is 0, which changes no bound, and cuts off what rounding put
// above the edge's weight: stored as they are, large messages of a light edge lose the digits in which they must agree.
void normalise(const PottsModel& model, std::span<double> messages);

// Messages whose bound is cost_of(model, labels) when `labels` are the only ones left: y[e, k] = w(e) for the label k
// of the first end of a cut edge, else 0.
std::vector<double> messages_of_labelling(const PottsModel& model, std::span<const LabelId> labels);

}  // namespace liid_cut
