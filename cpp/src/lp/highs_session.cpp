// The only file that talks to HiGHS; see highs_session.hpp.
#include "lp/highs_session.hpp"

#include <interfaces/highs_c_api.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <new>
#include <utility>

#include "util/require_memory.hpp"

namespace liid_cut {
namespace {

// Presolve costs more than it saves on LPs below this many columns (measured on components of kNN graphs).
constexpr std::size_t kPresolveFrom = 1000;

// Far below the promised 1e-9, so that the duals prove the LP's value to rounding.
constexpr double kFeasibilityTolerance = 1e-10;

// More than what HiGHS keeps for each thread.
constexpr std::size_t kBytesOfThread = std::size_t{1} << 18;

// Calls that change the object: sizes and values are right, so that only memory can be missing.
void require(HighsInt status) {
  if (status == kHighsStatusError) throw std::bad_alloc();
}

void stop_if_requested(int, const char*, const HighsCallbackDataOut*, HighsCallbackDataIn* in, void* stop) {
  if (static_cast<const StopSignal*>(stop)->requested()) in->user_interrupt = 1;
}

}  // namespace

struct HighsSession::Api {
  Api() = default;
  Api(const Api&) = delete;
  ~Api() { Highs_destroy(highs); }

  void* highs = nullptr;
  const StopSignal* stop = nullptr;
  const PottsModel* model = nullptr;
  const LinearProgram* lp = nullptr;
  // A power of two that brings the largest cost to about 1: HiGHS takes costs from 1e20 on for infinite, and its
  // tolerances are absolute. Scaling by it is exact.
  double scale = 1;
  std::vector<ProofCut> cuts;

  LpStatus run() const {
    if (const double left = stop->remaining_s(); std::isfinite(left))  // HiGHS counts all runs of one object
      require(Highs_setDoubleOptionValue(highs, "time_limit", Highs_getRunTime(highs) + std::max(0.0, left)));
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
  require_memory(kBytesOfThread);
  api_->highs = Highs_create();
  if (api_->highs == nullptr) throw std::bad_alloc();
  api_->stop = &stop;
  void* highs = api_->highs;
  require(Highs_setBoolOptionValue(highs, "output_flag", 0));
  require(Highs_setIntOptionValue(highs, "threads", 1));
  require(Highs_setStringOptionValue(highs, "parallel", "off"));
  require(Highs_setStringOptionValue(highs, "solver", "simplex"));
  require(Highs_setDoubleOptionValue(highs, "primal_feasibility_tolerance", kFeasibilityTolerance));
  require(Highs_setDoubleOptionValue(highs, "dual_feasibility_tolerance", kFeasibilityTolerance));
  require(Highs_setCallback(highs, stop_if_requested, const_cast<StopSignal*>(&stop)));
  require(Highs_startCallback(highs, kHighsCallbackSimplexInterrupt));
}

HighsSession::~HighsSession() = default;

void HighsSession::load(const PottsModel& model, const LinearProgram& lp) {
  api_->model = &model;
  api_->lp = &lp;
  api_->cuts.clear();
  const auto n_columns = static_cast<HighsInt>(lp.column_cost.size());
  const auto n_rows = static_cast<HighsInt>(lp.row_lower.size());
  const auto n_entries = static_cast<HighsInt>(lp.value.size());
  require(
      Highs_setStringOptionValue(api_->highs, "presolve", lp.column_cost.size() < kPresolveFrom ? "off" : "choose"));
  double largest = 0;
  for (const double cost : lp.column_cost) largest = std::max(largest, cost);
  api_->scale = largest > 0 ? std::ldexp(1.0, -std::ilogb(largest)) : 1.0;
  std::vector<double> scaled_cost(lp.column_cost);
  for (double& cost : scaled_cost) cost *= api_->scale;
  require(Highs_passLp(api_->highs, n_columns, n_rows, n_entries, kHighsMatrixFormatRowwise, kHighsObjSenseMinimize,
                       0.0, scaled_cost.data(), lp.column_lower.data(), lp.column_upper.data(), lp.row_lower.data(),
                       lp.row_upper.data(), lp.row_start.data(), lp.column_index.data(), lp.value.data()));
}

void HighsSession::add_cuts(std::vector<ProofCut> cuts) {
  const PottsModel& model = *api_->model;
  const LinearProgram& lp = *api_->lp;
  for (ProofCut& cut : cuts) {
    std::map<HighsInt, double> row;
    for (const EdgeId e : cut.edges)
      for (LabelId k = 0; k < model.n_labels; ++k) {
        const std::int32_t z =
            lp.edge_column[static_cast<std::size_t>(e) * model.columns() + static_cast<std::size_t>(k)];
        const std::int32_t x = lp.label_column[model.index(model.edges[static_cast<std::size_t>(e)].u, k)];
        if (z >= 0 || x >= 0) row[z >= 0 ? z : x] += 1;  // where the second end lacks the label, z = x
      }
    for (LabelId k = 0; k < model.n_labels; ++k)
      if (const std::int32_t x = lp.label_column[model.index(cut.named[static_cast<std::size_t>(k)], k)]; x >= 0)
        row[x] += 2;
    std::vector<HighsInt> index;
    std::vector<double> value;
    for (const auto& [column, coefficient] : row) {
      index.push_back(column);
      value.push_back(coefficient);
    }
    require(Highs_addRow(api_->highs, 2.0, Highs_getInfinity(api_->highs), static_cast<HighsInt>(index.size()),
                         index.data(), value.data()));
    api_->cuts.push_back(std::move(cut));
  }
}

LpSolution HighsSession::solve(std::span<const double> unary) {
  const PottsModel& model = *api_->model;
  const LinearProgram& lp = *api_->lp;
  LpSolution solution;

  std::vector<double> upper(lp.column_upper);
  for (std::size_t i = 0; i < unary.size(); ++i)
    if (lp.label_column[i] >= 0 && !std::isfinite(unary[i])) upper[static_cast<std::size_t>(lp.label_column[i])] = 0;
  require(Highs_changeColsBoundsByRange(api_->highs, 0, static_cast<HighsInt>(upper.size()) - 1, lp.column_lower.data(),
                                        upper.data()));
  solution.status = api_->run();
  if (solution.status == LpStatus::failed && !api_->stop->requested()) {
    require(Highs_clearSolver(api_->highs));  // once more without the old basis
    solution.status = api_->run();
  }
  if (solution.status != LpStatus::optimal) return solution;

  std::vector<double> column_value(lp.column_cost.size()), column_dual(lp.column_cost.size());
  const std::size_t n_rows = lp.row_lower.size() + api_->cuts.size();
  std::vector<double> row_value(n_rows), row_dual(n_rows);
  require(Highs_getSolution(api_->highs, column_value.data(), column_dual.data(), row_value.data(), row_dual.data()));

  solution.x.assign(lp.label_column.size(), 0.0);
  for (std::size_t i = 0; i < lp.label_column.size(); ++i)
    if (lp.label_column[i] >= 0) solution.x[i] = column_value[static_cast<std::size_t>(lp.label_column[i])];

  // Multipliers first: what they take of an edge's weight is lost to its messages.
  std::vector<double> free_weight(model.weights);
  for (std::size_t i = 0; i < api_->cuts.size(); ++i) {
    double multiplier = std::max(0.0, row_dual[lp.row_lower.size() + i] / api_->scale);
    for (const EdgeId e : api_->cuts[i].edges)
      multiplier = std::min(multiplier, free_weight[static_cast<std::size_t>(e)]);
    if (multiplier == 0) continue;
    for (const EdgeId e : api_->cuts[i].edges) free_weight[static_cast<std::size_t>(e)] -= multiplier;
    solution.cuts.push_back(api_->cuts[i]);
    solution.cuts.back().multiplier = multiplier;
  }

  // A row that was not needed stands for y = w where only the first end may take the label, else for y = 0. Clipping
  // to [0, w] makes any rounding of the duals harmless: the bound is computed from what is feasible.
  solution.messages.assign(lp.message_row.size(), 0.0);
  for (std::size_t e = 0; e < model.n_edges(); ++e)
    for (LabelId k = 0; k < model.n_labels; ++k) {
      const std::size_t i = e * model.columns() + static_cast<std::size_t>(k);
      if (lp.message_row[i] >= 0)
        solution.messages[i] =
            std::clamp(row_dual[static_cast<std::size_t>(lp.message_row[i])] / api_->scale, 0.0, free_weight[e]);
      else if (model.is_allowed(model.edges[e].u, k))
        solution.messages[i] = free_weight[e];
    }
  return solution;
}

}  // namespace liid_cut
