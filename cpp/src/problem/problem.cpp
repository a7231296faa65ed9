// Checks of a problem, the costs of a node's labels, and the cost of a labelling; see liid_cut/problem.hpp.
#include "liid_cut/problem.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>
#include <stdexcept>
#include <vector>

#include "util/sum.hpp"

namespace liid_cut {
namespace {

template <class... Parts>
[[noreturn]] void reject(const Parts&... parts) {
  std::ostringstream message;
  (message << ... << parts);
  throw std::invalid_argument(message.str());
}

// In four lanes, always the same, so that the compiler may add several entries at a time and every instruction set
// gives the same bits. Cost and bound use the same sum, so its rounding opens no gap between them.
double row_sum(std::span<const double> row) {
  double lanes[4] = {0, 0, 0, 0};
  const std::size_t whole = row.size() / 4 * 4;
  for (std::size_t k = 0; k < whole; k += 4)
    for (std::size_t j = 0; j < 4; ++j) lanes[j] += row[k + j];
  for (std::size_t k = whole; k < row.size(); ++k) lanes[0] += row[k];
  return (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]);
}

// Below this part of a row's sum, a difference from it has lost too many digits: the label's cost is added up instead.
constexpr double kCancels = 0x1p-12;

bool all_finite_and_not_negative(std::span<const double> row) {
  bool good = true;
  for (const double p : row) good &= p >= 0 && p <= std::numeric_limits<double>::max();
  return good;
}

}  // namespace

double validate_terminal_weights(const MatrixView& probs, bool allow_zero_rows) {
  constexpr auto most = static_cast<std::size_t>(std::numeric_limits<NodeId>::max());
  if (probs.n_rows() > most) reject("probs has ", probs.n_rows(), " rows; at most ", most, " are allowed");
  if (probs.n_columns() < 1 || probs.n_columns() > most)
    reject("probs has ", probs.n_columns(), " columns; 1 to ", most, " labels are allowed");

  Sum everything;
  std::vector<double> row(probs.n_columns());
  for (std::size_t u = 0; u < probs.n_rows(); ++u) {
    probs.read_row(u, row);
    if (!all_finite_and_not_negative(row))
      for (std::size_t k = 0; k < row.size(); ++k)
        if (!all_finite_and_not_negative(std::span(row).subspan(k, 1)))
          reject("probs[", u, ", ", k, "] is ", row[k], "; every entry must be a finite number >= 0");
    const double total = row_sum(row);
    everything += total;
    if (!std::isfinite(everything.value()))
      reject("probs[", u, "] brings the sum of probs beyond what a double can hold");
    if (total == 0 && !allow_zero_rows) reject("probs[", u, "] is all zero; every row needs a positive entry");
  }
  return everything.value();
}

void validate(const Problem& problem) {
  const double sum_of_probs = validate_terminal_weights(problem.terminal_weights, true);
  const std::size_t n = problem.terminal_weights.n_rows();
  const std::size_t n_labels = problem.terminal_weights.n_columns();
  if (static_cast<std::size_t>(problem.graph.n_nodes()) != n)
    reject("graph has ", problem.graph.n_nodes(), " nodes but probs has ", n, " rows; both must agree");
  Sum everything;
  for (const Weight w : problem.graph.weights()) everything += w;
  if (!std::isfinite(everything.value())) reject("graph: its weights add up to more than a double can hold");
  everything += sum_of_probs;
  if (!std::isfinite(everything.value())) reject("probs and graph weights add up to more than a double can hold");
  if (problem.allowed.empty()) return;
  if (problem.allowed.size() != n * n_labels)
    reject("allowed has ", problem.allowed.size(), " entries; probs has ", n * n_labels);
  for (std::size_t u = 0; u < n; ++u) {
    const auto labels = problem.allowed.subspan(u * n_labels, n_labels);
    if (std::none_of(labels.begin(), labels.end(), [](bool a) { return a; }))
      reject("allowed[", u, "] allows no label; every row needs at least one True");
  }
}

void label_costs(const Problem& problem, NodeId u, std::span<double> costs) {
  problem.terminal_weights.read_row(static_cast<std::size_t>(u), costs);
  const double total = row_sum(costs);
  const auto top = std::max_element(costs.begin(), costs.end());
  const double largest = *top;
  double others = total - largest;
  if (others < kCancels * total) {
    *top = 0;
    others = row_sum(costs);
    *top = largest;
  }
  for (double& c : costs) c = total - c;
  *top = others;
  for (LabelId k = 0; k < problem.n_labels(); ++k)
    if (!problem.is_allowed(u, k)) costs[static_cast<std::size_t>(k)] = std::numeric_limits<double>::infinity();
}

double cut_cost(const Problem& problem, std::span<const LabelId> labels) {
  if (labels.size() != problem.terminal_weights.n_rows())
    reject("labels has ", labels.size(), " entries; the problem has ", problem.n_nodes(), " nodes");
  Sum cost;
  std::vector<double> costs(problem.terminal_weights.n_columns());
  for (NodeId u = 0; u < problem.n_nodes(); ++u) {
    const LabelId k = labels[static_cast<std::size_t>(u)];
    if (k < 0 || k >= problem.n_labels())
      reject("labels[", u, "] is ", k, "; labels are 0 to ", problem.n_labels() - 1);
    if (!problem.is_allowed(u, k)) reject("labels[", u, "] is ", k, ", which allowed[", u, "] rules out");
    label_costs(problem, u, costs);
    cost += costs[static_cast<std::size_t>(k)];
  }
  const auto edges = problem.graph.edges();
  const auto weights = problem.graph.weights();
  for (std::size_t e = 0; e < edges.size(); ++e)
    if (labels[static_cast<std::size_t>(edges[e].u)] != labels[static_cast<std::size_t>(edges[e].v)])
      cost += weights[e];
  return cost.value();
}

}  // namespace liid_cut
