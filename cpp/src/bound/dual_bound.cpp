// See dual_bound.hpp.
#include "bound/dual_bound.hpp"

#include <algorithm>

#include "util/sum.hpp"

namespace liid_cut {

double dual_bound(const PottsModel& model, std::span<const double> unary, std::span<const double> messages) {
  const std::size_t n_labels = model.columns();
  std::vector<double> reparametrised(unary.begin(), unary.end());
  for (std::size_t e = 0; e < model.n_edges(); ++e) {
    double* at_u = &reparametrised[model.index(model.edges[e].u, 0)];
    double* at_v = &reparametrised[model.index(model.edges[e].v, 0)];
    const double* y = &messages[e * n_labels];
    for (std::size_t k = 0; k < n_labels; ++k) {
      at_u[k] += y[k];
      at_v[k] -= y[k];
    }
  }
  Sum bound;
  for (NodeId u = 0; u < model.n_nodes; ++u) {
    const double* row = &reparametrised[model.index(u, 0)];
    const double smallest = *std::min_element(row, row + n_labels);
    if (!std::isfinite(smallest)) return smallest;
    bound += smallest;
  }
  return bound.value();
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
