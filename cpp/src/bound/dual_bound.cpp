// See dual_bound.hpp.
#include "bound/dual_bound.hpp"

#include <algorithm>
#include <limits>

#include "util/sum.hpp"

namespace liid_cut {
namespace {

// Adds the messages of u's edges to its row of costs.
void add_messages(const PottsModel& model, NodeId u, std::span<const double> messages, std::span<double> row) {
  if (messages.empty()) return;
  for (const auto [v, e] : model.adjacency[u]) {
    const double* y = &messages[static_cast<std::size_t>(e) * row.size()];
    if (model.edges[static_cast<std::size_t>(e)].u == u)
      for (std::size_t k = 0; k < row.size(); ++k) row[k] += y[k];
    else
      for (std::size_t k = 0; k < row.size(); ++k) row[k] -= y[k];
  }
}

}  // namespace

std::vector<double> reparametrised(const PottsModel& model, std::span<const double> unary,
                                   std::span<const double> messages) {
  std::vector<double> costs(unary.begin(), unary.end());
  for (NodeId u = 0; u < model.n_nodes; ++u)
    add_messages(model, u, messages, std::span(costs).subspan(model.index(u, 0), model.columns()));
  return costs;
}

// A node at a time: the costs with messages of all nodes would be as large as the model.
double dual_bound(const PottsModel& model, std::span<const double> unary, std::span<const double> messages) {
  Sum bound;
  std::vector<double> row(model.columns());
  for (NodeId u = 0; u < model.n_nodes; ++u) {
    std::copy_n(&unary[model.index(u, 0)], row.size(), row.begin());
    add_messages(model, u, messages, row);
    const double smallest = *std::min_element(row.begin(), row.end());
    if (!std::isfinite(smallest)) return smallest;
    bound += smallest;
  }
  return bound.value();
}

double sum_of_minima(const PottsModel& model, std::span<const double> costs) {
  Sum bound;
  for (NodeId u = 0; u < model.n_nodes; ++u) {
    const auto row = costs.subspan(model.index(u, 0), model.columns());
    const double smallest = *std::min_element(row.begin(), row.end());
    if (!std::isfinite(smallest)) return smallest;
    bound += smallest;
  }
  return bound.value();
}

double rounding_of_bounds(const PottsModel& model) {
  double rounding = 0;
  for (NodeId u = 0; u < model.n_nodes; ++u) {
    const auto arcs = model.adjacency[u];
    double weight = 0;
    for (const auto [v, e] : arcs) weight += model.weights[static_cast<std::size_t>(e)];
    rounding += static_cast<double>(arcs.size() + 1) * weight;
  }
  return 4 * std::numeric_limits<double>::epsilon() * rounding;
}

std::vector<double> without_cuts(const PottsModel& model, std::span<const double> unary,
                                 std::span<const ProofCut> cuts) {
  std::vector<double> costs(unary.begin(), unary.end());
  for (const ProofCut& cut : cuts)
    for (LabelId k = 0; k < model.n_labels; ++k)
      costs[model.index(cut.named[static_cast<std::size_t>(k)], k)] -= 2 * cut.multiplier;
  return costs;
}

double bound_of_cuts(std::span<const ProofCut> cuts) {
  Sum bound;
  for (const ProofCut& cut : cuts) bound += 2 * cut.multiplier;
  return bound.value();
}

void normalise(const PottsModel& model, std::span<double> messages) {
  for (std::size_t e = 0; e < model.n_edges(); ++e) {
    const auto y = messages.subspan(e * model.columns(), model.columns());
    const double smallest = *std::min_element(y.begin(), y.end());
    for (double& m : y) m = std::min(m - smallest, model.weights[e]);
  }
}

std::vector<double> messages_of_labelling(const PottsModel& model, std::span<const LabelId> labels) {
  std::vector<double> messages(model.n_edges() * model.columns(), 0.0);
  for (std::size_t e = 0; e < model.n_edges(); ++e) {
    const LabelId k = labels[static_cast<std::size_t>(model.edges[e].u)];
    if (k != labels[static_cast<std::size_t>(model.edges[e].v)])
      messages[e * model.columns() + static_cast<std::size_t>(k)] = model.weights[e];
  }
  return messages;
}

}  // namespace liid_cut
