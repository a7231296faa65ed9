// The stages that one component goes through until its labelling is proven cheapest.
#pragma once

#include "lp/highs_session.hpp"
#include "search/component_cut.hpp"
#include "util/stop.hpp"

namespace liid_cut {

// A first labelling and the bound of zero messages: sum_u min_k unary[u,k].
ComponentCut inspect(const PottsModel& model, const Settings& settings);

// Closes what inspection left open. On a limit `cut` holds the best so far, and why it is open.
// `debug_labels`: a known optimum of this component, or empty.
void close_component(const PottsModel& model, HighsSession& session, const Settings& settings, const StopSignal& stop,
                     std::span<const LabelId> debug_labels, ComponentCut& cut);

}  // namespace liid_cut
