// See dual_ascent.hpp.
#include "bound/dual_ascent.hpp"

#include <algorithm>
#include <limits>

#include "bound/node_order.hpp"
#include "simd.hpp"

namespace liid_cut {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// The loops over labels are the whole cost of the ascent. They take minima and add element by element, never in another
// order, so that every instruction set gives the same bits.

// The message towards one end of an edge, from the one towards the other: the negative, truncated to w above its
// smallest.
LIID_SIMD void turn(double* message, std::size_t n, Weight w) {
  double largest[4] = {-kInfinity, -kInfinity, -kInfinity, -kInfinity};
  const std::size_t whole = n / 4 * 4;
  for (std::size_t k = 0; k < whole; k += 4)
    for (std::size_t j = 0; j < 4; ++j) largest[j] = largest[j] > message[k + j] ? largest[j] : message[k + j];
  for (std::size_t k = whole; k < n; ++k) largest[0] = largest[0] > message[k] ? largest[0] : message[k];
  const double most = w - std::max(std::max(largest[0], largest[1]), std::max(largest[2], largest[3]));
  for (std::size_t k = 0; k < n; ++k) message[k] = -message[k] < most ? -message[k] : most;
}

LIID_SIMD void add(double* to, const double* values, std::size_t n) {
  for (std::size_t k = 0; k < n; ++k) to[k] += values[k];
}

LIID_SIMD void subtract_share(double* from, const double* values, std::size_t n, double share) {
  for (std::size_t k = 0; k < n; ++k) from[k] -= share * values[k];
}

}  // namespace

DualAscent::DualAscent(const PottsModel& model, std::span<const double> messages)
    : model_(model),
      n_labels_(model.columns()),
      order_(reverse_cuthill_mckee(model)),
      numbers_(model.n_edges(), -1),
      offsets_{0},
      held_(model.n_edges() * n_labels_, 0.0),
      last_(model.n_edges()),
      total_(n_labels_),
      labels_(order_.size(), kNoLabel) {
  std::vector<NodeId> position(order_.size());
  for (std::size_t i = 0; i < order_.size(); ++i)
    position[static_cast<std::size_t>(order_[i])] = static_cast<NodeId>(i);
  std::int32_t n_numbered = 0;
  for (const NodeId u : order_) {
    for (const auto [v, e] : model.adjacency[u]) {
      std::int32_t& number = numbers_[static_cast<std::size_t>(e)];
      if (number < 0) number = n_numbered++;
      arcs_.push_back({position[static_cast<std::size_t>(v)], number, model.weights[static_cast<std::size_t>(e)]});
    }
    offsets_.push_back(arcs_.size());
  }
  for (std::size_t e = 0; e < model.n_edges(); ++e) {
    last_[static_cast<std::size_t>(numbers_[e])] = position[static_cast<std::size_t>(model.edges[e].u)];
    if (!messages.empty()) std::copy_n(&messages[e * n_labels_], n_labels_, held(numbers_[e]));
  }
}

void DualAscent::iterate(Labelling& labels) {
  const auto n = static_cast<NodeId>(order_.size());
  labels.resize(order_.size());
  for (NodeId i = 0; i < n; ++i) {
    visit(i, true);
    labels_[static_cast<std::size_t>(i)] = cheapest_label(i);
    labels[static_cast<std::size_t>(order_[static_cast<std::size_t>(i)])] = labels_[static_cast<std::size_t>(i)];
  }
  for (NodeId i = n; i-- > 0;) visit(i, false);
}

void DualAscent::visit(NodeId position, bool forwards) {
  const auto costs = model_.costs_of(order_[static_cast<std::size_t>(position)]);
  std::copy(costs.begin(), costs.end(), total_.begin());
  std::size_t ahead = 0;
  for (const auto& [other, edge, weight] : arcs(position)) {
    double* message = held(edge);
    if (NodeId& last = last_[static_cast<std::size_t>(edge)]; last != position) {
      turn(message, n_labels_, weight);
      last = position;
    }
    add(total_.data(), message, n_labels_);
    if ((other > position) == forwards) ++ahead;
  }
  if (ahead == 0) return;
  const std::size_t behind = arcs(position).size() - ahead;
  const double share = 1.0 / static_cast<double>(std::max(ahead, behind));
  for (const auto& [other, edge, weight] : arcs(position))
    if ((other > position) == forwards) subtract_share(held(edge), total_.data(), n_labels_, share);
}

// total_ holds the node's costs with all its messages. Behind, the true cost of the edge replaces its message.
LabelId DualAscent::cheapest_label(NodeId position) {
  std::vector<double>& costs = scratch_;
  costs = total_;
  for (const auto& [other, edge, weight] : arcs(position)) {
    if (other > position) continue;
    const double* message = &held_[static_cast<std::size_t>(edge) * n_labels_];
    for (std::size_t k = 0; k < n_labels_; ++k) costs[k] -= message[k];
    costs[static_cast<std::size_t>(labels_[static_cast<std::size_t>(other)])] -= weight;
  }
  return static_cast<LabelId>(std::min_element(costs.begin(), costs.end()) - costs.begin());
}

std::vector<double> DualAscent::messages() const {
  std::vector<double> messages(held_.size());
  for (std::size_t e = 0; e < model_.n_edges(); ++e) {
    const auto number = static_cast<std::size_t>(numbers_[e]);
    double* message = &messages[e * n_labels_];
    std::copy_n(&held_[number * n_labels_], n_labels_, message);
    // Towards the end that was not visited last; what the edge holds goes there whole.
    turn(message, n_labels_, model_.weights[e]);
    if (order_[static_cast<std::size_t>(last_[number])] == model_.edges[e].u)
      for (std::size_t k = 0; k < n_labels_; ++k) message[k] = -message[k];
  }
  return messages;
}

}  // namespace liid_cut
