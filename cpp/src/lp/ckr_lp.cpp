// Setting up the CKR linear program; see liid_cut/relaxation.hpp.
#include "lp/ckr_lp.hpp"

#include <limits>
#include <stdexcept>
#include <string>

namespace liid_cut {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

class Builder {
 public:
  explicit Builder(const PottsModel& model) : model_(model) {
    const std::size_t x = static_cast<std::size_t>(model.n_nodes) * model.columns();
    const std::size_t z = model.n_edges() * model.columns();
    if (x + 3 * z > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max()))
      throw std::length_error("the CKR LP of " + std::to_string(model.n_nodes) + " nodes, " +
                              std::to_string(model.n_edges()) + " edges and " + std::to_string(model.n_labels) +
                              " labels has more than 2^31 - 1 entries");
    lp_.label_column.assign(x, -1);
    lp_.edge_column.assign(z, -1);
    lp_.message_row.assign(z, -1);
    lp_.row_start.push_back(0);
  }

  LinearProgram build() && {
    for (NodeId u = 0; u < model_.n_nodes; ++u) add_node(u);
    for (std::size_t e = 0; e < model_.n_edges(); ++e)
      for (LabelId k = 0; k < model_.n_labels; ++k) add_edge_label(e, k);
    return std::move(lp_);
  }

 private:
  std::int32_t add_column(double cost, double upper) {
    lp_.column_cost.push_back(cost);
    lp_.column_lower.push_back(0);
    lp_.column_upper.push_back(upper);
    return static_cast<std::int32_t>(lp_.column_cost.size()) - 1;
  }
  void add_entry(std::int32_t column, double value) {
    lp_.column_index.push_back(column);
    lp_.value.push_back(value);
  }
  std::int32_t end_row(double lower, double upper) {
    lp_.row_lower.push_back(lower);
    lp_.row_upper.push_back(upper);
    lp_.row_start.push_back(static_cast<std::int32_t>(lp_.column_index.size()));
    return static_cast<std::int32_t>(lp_.row_lower.size()) - 1;
  }

  void add_node(NodeId u) {
    for (LabelId k = 0; k < model_.n_labels; ++k) {
      if (!model_.is_allowed(u, k)) continue;
      const std::int32_t x = add_column(model_.costs_of(u)[static_cast<std::size_t>(k)], 1);
      lp_.label_column[model_.index(u, k)] = x;
      add_entry(x, 1);
    }
    end_row(1, 1);
  }

  void add_edge_label(std::size_t e, LabelId k) {
    const std::int32_t x_u = lp_.label_column[model_.index(model_.edges[e].u, k)];
    const std::int32_t x_v = lp_.label_column[model_.index(model_.edges[e].v, k)];
    if (x_u < 0) return;  // z = max(0, -x_v) = 0
    if (x_v < 0) {        // z = x_u
      lp_.column_cost[static_cast<std::size_t>(x_u)] += model_.weights[e];
      return;
    }
    const std::int32_t z = add_column(model_.weights[e], kInfinity);
    add_entry(z, 1);
    add_entry(x_u, -1);
    add_entry(x_v, 1);
    const std::size_t i = e * model_.columns() + static_cast<std::size_t>(k);
    lp_.edge_column[i] = z;
    lp_.message_row[i] = end_row(0, kInfinity);
  }

  const PottsModel& model_;
  LinearProgram lp_;
};

}  // namespace

LinearProgram ckr_lp(const PottsModel& model) { return Builder(model).build(); }

LinearProgram ckr_relaxation(const Problem& problem) {
  validate(problem);
  return ckr_lp(whole_model(problem));
}

}  // namespace liid_cut
