// Labels that a cheaper labelling cannot use: reduced-cost fixing.
//
// If the bound of some messages, plus what node u would pay above its cheapest label for taking k, reaches the cost of
// the best known labelling, then no labelling with x_u = k is cheaper (Nemhauser, Wolsey, "Integer and Combinatorial
// Optimization", 1988, II.5.2; for graphical models: virtual arc consistency, Cooper et al. 2010).
#pragma once

#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "problem/potts_model.hpp"

namespace liid_cut {

struct RuledOut {
  std::vector<std::pair<NodeId, LabelId>> labels;
  double bound = std::numeric_limits<double>::infinity();  // the smallest of theirs
};

// Labels left in `unary` (+infinity: not) whose bound reaches `target`; never those of `keep`.
RuledOut labels_to_rule_out(const PottsModel& model, std::span<const double> unary, std::span<const double> messages,
                            double target, std::span<const LabelId> keep);

}  // namespace liid_cut
