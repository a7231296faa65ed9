// See close_component.hpp.
#include "search/close_component.hpp"

#include <new>
#include <stdexcept>

#include "bound/dual_bound.hpp"
#include "bound/first_labelling.hpp"
#include "lp/ckr_lp.hpp"
#include "search/branch_and_bound.hpp"
#include "util/sum.hpp"
#include "verify/brute_force.hpp"

namespace liid_cut {
namespace {

double bound_of_zero_messages(const PottsModel& model) {
  Sum bound;
  for (NodeId u = 0; u < model.n_nodes; ++u) {
    const auto costs = model.costs_of(u);
    bound += *std::min_element(costs.begin(), costs.end());
  }
  return bound.value();
}

void solve_relaxation_and_search(const PottsModel& model, HighsSession& session, const Settings& settings,
                                 const StopSignal& stop, std::span<const LabelId> debug_labels, ComponentCut& cut) {
  const LinearProgram lp = ckr_lp(model);
  session.load(model, lp);
  const LpSolution root = session.solve(model.unary);
  if (root.status == LpStatus::optimal) {
    cut.offer(model, round(model, root.x));
    cut.messages = root.messages;
    cut.raise_bound(dual_bound(model, model.unary, root.messages));
  }
  cut.stage = Stage::linear_program;
  if (is_closed(cut, settings) || stop.requested()) return;

  cut.stage = Stage::branch_and_bound;
  if (cut.messages.empty()) cut.messages.assign(model.n_edges() * model.columns(), 0.0);
  branch_and_bound(model, session, root, settings, stop, debug_labels, cut);
}

}  // namespace

ComponentCut inspect(const PottsModel& model, const Settings& settings) {
  ComponentCut cut;
  cut.labels = first_labelling(model);
  cut.cost = cost_of(model, cut.labels);
  cut.lower_bound = std::min(cut.cost, bound_of_zero_messages(model));
  const bool may_close = settings.method == Method::automatic || model.n_edges() == 0;
  if (may_close && is_closed(cut, settings)) cut.stage = Stage::inspection;
  return cut;
}

void close_component(const PottsModel& model, HighsSession& session, const Settings& settings, const StopSignal& stop,
                     std::span<const LabelId> debug_labels, ComponentCut& cut) {
  try {
    if (settings.method == Method::brute_force) {
      cut.offer(model, brute_force(model, settings.max_enumeration, stop));
      if (!stop.requested()) {
        cut.lower_bound = cut.cost;
        cut.stage = Stage::enumeration;
      }
    } else {
      solve_relaxation_and_search(model, session, settings, stop, debug_labels, cut);
    }
  } catch (const std::length_error&) {
    cut.status = Status::size_limit;
  } catch (const std::bad_alloc&) {
    cut.status = Status::memory_limit;
  }
  if (is_closed(cut, settings)) {
    cut.status = Status::optimal;
    return;
  }
  if (cut.status == Status::optimal) cut.status = stop.reason();
  cut.stage = Stage::open;
}

}  // namespace liid_cut
