// The only file that talks to HiGHS; see highs_session.hpp.
#include "lp/highs_session.hpp"

#include <interfaces/highs_c_api.h>

#include <algorithm>
#include <cmath>
#include <new>

namespace liid_cut {
namespace {

// Presolve costs more than it saves on LPs below this many columns (measured on components of kNN graphs).
constexpr std::size_t kPresolveFrom = 1000;

// Far below the promised 1e-9, so that the duals prove the LP's value to rounding.
constexpr double kFeasibilityTolerance = 1e-10;

void stop_if_requested(int, const char*, const HighsCallbackDataOut*, HighsCallbackDataIn* in, void* stop) {
  if (static_cast<const StopSignal*>(stop)->requested()) in->user_interrupt = 1;
}

}  // namespace

struct HighsSession::Api {
  void* highs = nullptr;
  const StopSignal* stop = nullptr;
  const PottsModel* model = nullptr;
  const LinearProgram* lp = nullptr;
  // A power of two that brings the largest cost to about 1: HiGHS takes costs from 1e20 on for infinite, and its
  // tolerances are absolute. Scaling by it is exact.
  double scale = 1;

  LpStatus run() const {
    if (const double left = stop->remaining_s(); std::isfinite(left))  // HiGHS counts all runs of one object
      Highs_setDoubleOptionValue(highs, "time_limit", Highs_getRunTime(highs) + left);
    if (Highs_run(highs) == kHighsStatusError) return LpStatus::failed;
    switch (Highs_getModelStatus(highs)) {
      case kHighsModelStatusOptimal: return LpStatus::optimal;
      case kHighsModelStatusTimeLimit:
      case kHighsModelStatusInterrupt: return LpStatus::stopped;
      default: return LpStatus::failed;
    }
  }
};

HighsSession::HighsSession(const StopSignal& stop) : api_(std::make_unique<Api>()) {
  api_->highs = Highs_create();
  if (api_->highs == nullptr) throw std::bad_alloc();
  api_->stop = &stop;
  void* highs = api_->highs;
  Highs_setBoolOptionValue(highs, "output_flag", 0);
  Highs_setIntOptionValue(highs, "threads", 1);
  Highs_setStringOptionValue(highs, "parallel", "off");
  Highs_setStringOptionValue(highs, "solver", "simplex");
  Highs_setDoubleOptionValue(highs, "primal_feasibility_tolerance", kFeasibilityTolerance);
  Highs_setDoubleOptionValue(highs, "dual_feasibility_tolerance", kFeasibilityTolerance);
  Highs_setCallback(highs, stop_if_requested, const_cast<StopSignal*>(&stop));
  Highs_startCallback(highs, kHighsCallbackSimplexInterrupt);
}

HighsSession::~HighsSession() { Highs_destroy(api_->highs); }

void HighsSession::load(const PottsModel& model, const LinearProgram& lp) {
  api_->model = &model;
  api_->lp = &lp;
  const auto n_columns = static_cast<HighsInt>(lp.column_cost.size());
  const auto n_rows = static_cast<HighsInt>(lp.row_lower.size());
  const auto n_entries = static_cast<HighsInt>(lp.value.size());
  Highs_setStringOptionValue(api_->highs, "presolve", lp.column_cost.size() < kPresolveFrom ? "off" : "choose");
  double largest = 0;
  for (const double cost : lp.column_cost) largest = std::max(largest, cost);
  api_->scale = largest > 0 ? std::ldexp(1.0, -std::ilogb(largest)) : 1.0;
  std::vector<double> scaled_cost(lp.column_cost);
  for (double& cost : scaled_cost) cost *= api_->scale;
  const HighsInt status =
      Highs_passLp(api_->highs, n_columns, n_rows, n_entries, kHighsMatrixFormatRowwise, kHighsObjSenseMinimize, 0.0,
                   scaled_cost.data(), lp.column_lower.data(), lp.column_upper.data(), lp.row_lower.data(),
                   lp.row_upper.data(), lp.row_start.data(), lp.column_index.data(), lp.value.data());
  if (status == kHighsStatusError) throw std::bad_alloc();  // sizes and values are right; only memory can be missing
}

LpSolution HighsSession::solve(std::span<const double> unary) {
  const PottsModel& model = *api_->model;
  const LinearProgram& lp = *api_->lp;
  LpSolution solution;

  std::vector<double> upper(lp.column_upper);
  for (std::size_t i = 0; i < unary.size(); ++i)
    if (lp.label_column[i] >= 0 && !std::isfinite(unary[i])) upper[static_cast<std::size_t>(lp.label_column[i])] = 0;
  Highs_changeColsBoundsByRange(api_->highs, 0, static_cast<HighsInt>(upper.size()) - 1, lp.column_lower.data(),
                                upper.data());
  solution.status = api_->run();
  if (solution.status == LpStatus::failed && !api_->stop->requested()) {
    Highs_clearSolver(api_->highs);  // once more without the old basis
    solution.status = api_->run();
  }
  if (solution.status != LpStatus::optimal) return solution;

  std::vector<double> column_value(lp.column_cost.size()), column_dual(lp.column_cost.size());
  std::vector<double> row_value(lp.row_lower.size()), row_dual(lp.row_lower.size());
  Highs_getSolution(api_->highs, column_value.data(), column_dual.data(), row_value.data(), row_dual.data());

  solution.x.assign(lp.label_column.size(), 0.0);
  for (std::size_t i = 0; i < lp.label_column.size(); ++i)
    if (lp.label_column[i] >= 0) solution.x[i] = column_value[static_cast<std::size_t>(lp.label_column[i])];

  // A row that was not needed stands for y = w where only the first end may take the label, else for y = 0. Clipping
  // to [0, w] makes any rounding of the duals harmless: the bound is computed from what is feasible.
  solution.messages.assign(lp.message_row.size(), 0.0);
  for (std::size_t e = 0; e < model.n_edges(); ++e)
    for (LabelId k = 0; k < model.n_labels; ++k) {
      const std::size_t i = e * model.columns() + static_cast<std::size_t>(k);
      if (lp.message_row[i] >= 0)
        solution.messages[i] =
            std::clamp(row_dual[static_cast<std::size_t>(lp.message_row[i])] / api_->scale, 0.0, model.weights[e]);
      else if (model.is_allowed(model.edges[e].u, k))
        solution.messages[i] = model.weights[e];
    }
  return solution;
}

}  // namespace liid_cut
