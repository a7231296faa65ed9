// The stages that one component goes through until its labelling is proven cheapest.
#pragma once

#include "search/context.hpp"
#include "search/model_cut.hpp"

namespace liid_cut {

// A first labelling and the bound of zero messages: sum_u min_k unary[u,k].
ModelCut inspect(const PottsModel& model);

// Every stage, cheapest first: reductions; then, for each kernel that they leave, dual ascent; the labels that its
// bound rules out, and all of this again for what remains; for a small kernel a search with the bounds of dual ascent;
// the CKR LP; branch and bound.
//
// `cut` comes from inspect. It is closed when cut.gap() <= tolerance; otherwise the context said stop.
// `debug_labels`: a known optimum of the model, or empty; heavy-assert builds check that no stage loses it.
void cut_by_all_stages(const PottsModel& model, double tolerance, SearchContext& context,
                       std::span<const LabelId> debug_labels, ModelCut& cut);

// The first pass of these stages alone: no label is ruled out, nothing is searched, so that the time is bounded by the
// model's size. A model that it leaves open says so in cut.limit.
void cut_quickly(const PottsModel& model, double tolerance, SearchContext& context,
                 std::span<const LabelId> debug_labels, ModelCut& cut);

// The paper's way: the CKR LP of the model by simplex, then branch and bound. A model whose LP cannot be set up leaves
// `cut` open and says so in cut.limit.
void cut_by_relaxation(const PottsModel& model, double tolerance, SearchContext& context,
                       std::span<const LabelId> debug_labels, ModelCut& cut);

}  // namespace liid_cut
