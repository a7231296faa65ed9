// See reduced_model.hpp.
#include "reduce/reduced_model.hpp"

#include <algorithm>
#include <limits>
#include <numeric>

namespace liid_cut {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

double sign(std::int8_t side) { return side == 0 ? 1.0 : -1.0; }

}  // namespace

void truncate_to(std::span<double> costs, Weight w) {
  double smallest = kInfinity;
  for (const double c : costs) smallest = std::min(smallest, c);
  const double most = smallest + w;
  for (double& c : costs) c = std::min(c, most);
}

ReducedModel::ReducedModel(const PottsModel& model)
    : n_labels_(model.columns()),
      unary_(model.unary),
      weights_(model.weights),
      arcs_(index(model.n_nodes)),
      edge_alive_(model.n_edges(), 1),
      into_(index(model.n_nodes)),
      alive_(index(model.n_nodes), 1),
      touched_(index(model.n_nodes), 1) {
  for (std::size_t e = 0; e < model.n_edges(); ++e) {
    const auto [u, v] = model.edges[e];
    arcs_[index(u)].push_back({v, static_cast<std::int32_t>(e), 0});
    arcs_[index(v)].push_back({u, static_cast<std::int32_t>(e), 1});
  }
  for (NodeId u = 0; u < model.n_nodes; ++u) queue_.push_back(u);
  std::iota(into_.begin(), into_.end(), NodeId{0});
}

std::span<const ReducedModel::Arc> ReducedModel::arcs(NodeId u) {
  auto& arcs = arcs_[index(u)];
  std::erase_if(arcs, [&](const Arc& arc) { return edge_alive_[static_cast<std::size_t>(arc.edge)] == 0; });
  for (Arc& arc : arcs) arc.to = contracted_into(arc.to);
  return arcs;
}

NodeId ReducedModel::contracted_into(NodeId u) {
  while (into_[index(u)] != u) u = into_[index(u)] = into_[index(into_[index(u)])];
  return u;
}

Weight ReducedModel::weighted_degree(NodeId u) {
  Weight total = 0;
  for (const Arc& arc : arcs(u)) total += weight(arc.edge);
  return total;
}

// ---- what rules do; each touches the nodes for which a rule may now apply that did not before

void ReducedModel::remove_label(NodeId u, LabelId k) {
  own_costs(u)[static_cast<std::size_t>(k)] = kInfinity;
  steps_.push_back({Kind::label, 0, u, kNoNode, -1, k, 0});
  touch(u);
  touch_neighbours(u);
}

void ReducedModel::remove_leaf(NodeId u) {
  const Arc arc = arcs(u).front();
  steps_.push_back({Kind::leaf, arc.side, u, arc.to, arc.edge, -1, 0});
  std::vector<double> answer(costs(u).begin(), costs(u).end());
  truncate_to(answer, weight(arc.edge));
  const auto at_v = own_costs(arc.to);
  for (std::size_t k = 0; k < n_labels_; ++k) at_v[k] += answer[k];
  edge_alive_[static_cast<std::size_t>(arc.edge)] = 0;
  alive_[index(u)] = 0;
  touch(arc.to);
}

void ReducedModel::contract(NodeId u, std::size_t i) {
  const Arc joint = arcs(u)[i];
  const NodeId v = joint.to;
  steps_.push_back({Kind::contraction, joint.side, u, v, joint.edge, static_cast<std::int32_t>(shared_.size()), 0});
  for (const double c : costs(v)) shared_.push_back(std::isfinite(c));
  const auto at_u = costs(u);
  const auto at_v = own_costs(v);
  bool lost_label = false;
  for (std::size_t k = 0; k < n_labels_; ++k) {
    lost_label = lost_label || (std::isfinite(at_v[k]) && !std::isfinite(at_u[k]));
    at_v[k] += at_u[k];
  }
  edge_alive_[static_cast<std::size_t>(joint.edge)] = 0;

  for (const Arc& arc : arcs_[index(u)]) {
    if (arc.edge == joint.edge) continue;
    touch(arc.to);
    std::int32_t parallel = -1;
    const std::int8_t side = side_at(v, arc.to, parallel);
    if (parallel < 0) {
      arcs_[index(v)].push_back(arc);
      continue;
    }
    Weight& w = weights_[static_cast<std::size_t>(parallel)];
    const Weight total = w + weight(arc.edge);
    steps_.push_back(
        {Kind::merge, static_cast<std::int8_t>(side != arc.side), u, v, parallel, arc.edge, weight(arc.edge) / total});
    w = total;
    edge_alive_[static_cast<std::size_t>(arc.edge)] = 0;
  }
  alive_[index(u)] = 0;
  into_[index(u)] = v;
  touch(v);
  if (lost_label) touch_neighbours(v);
}

// The edge between v and x, if there is one, and v's side of it; looked up at the end with fewer arcs.
std::int8_t ReducedModel::side_at(NodeId v, NodeId x, std::int32_t& edge) {
  const bool from_v = arcs_[index(v)].size() <= arcs_[index(x)].size();
  for (const Arc& arc : arcs_[index(from_v ? v : x)]) {
    if (edge_alive_[static_cast<std::size_t>(arc.edge)] == 0 || contracted_into(arc.to) != (from_v ? x : v)) continue;
    edge = arc.edge;
    return static_cast<std::int8_t>(from_v ? arc.side : 1 - arc.side);
  }
  return 0;
}

void ReducedModel::detach_decided(NodeId u, LabelId k) {
  for (const Arc& arc : arcs(u)) {
    steps_.push_back({Kind::decided, arc.side, u, arc.to, arc.edge, k, 0});
    const auto at_v = own_costs(arc.to);
    for (std::size_t j = 0; j < n_labels_; ++j)
      if (static_cast<LabelId>(j) != k) at_v[j] += weight(arc.edge);
    edge_alive_[static_cast<std::size_t>(arc.edge)] = 0;
    touch(arc.to);
  }
  arcs_[index(u)].clear();
}

void ReducedModel::settle(const SettledNodes& settled) {
  const auto first = static_cast<std::int32_t>(settled_messages_.size() / n_labels_);
  settled_messages_.insert(settled_messages_.end(), settled.messages.begin(), settled.messages.end());
  for (std::size_t i = 0; i < settled.edges.size(); ++i) {
    const std::int32_t e = settled.edges[i];
    steps_.push_back({Kind::settled_edge, 0, kNoNode, kNoNode, e, first + static_cast<std::int32_t>(i), 0});
    edge_alive_[static_cast<std::size_t>(e)] = 0;
  }
  for (std::size_t i = 0; i < settled.nodes.size(); ++i) {
    const NodeId u = settled.nodes[i];
    const LabelId label = settled.labels[i];
    steps_.push_back({Kind::settled_node, 0, u, kNoNode, -1, label, 0});
    const auto at_u = own_costs(u);
    for (std::size_t k = 0; k < n_labels_; ++k)
      if (static_cast<LabelId>(k) != label) at_u[k] = kInfinity;
    detach_decided(u, label);
  }
}

void ReducedModel::touch(NodeId u) {
  if (touched_[index(u)] != 0) return;
  touched_[index(u)] = 1;
  queue_.push_back(u);
}

void ReducedModel::touch_neighbours(NodeId u) {
  for (const Arc& arc : arcs(u)) touch(arc.to);
}

NodeId ReducedModel::next_touched() {
  while (!queue_.empty()) {
    const NodeId u = queue_.front();
    queue_.pop_front();
    touched_[index(u)] = 0;
    if (is_alive(u)) return u;
  }
  return kNoNode;
}

// ---- the way back

void ReducedModel::lift_labels(std::span<LabelId> labels) const {
  for (auto step = steps_.rbegin(); step != steps_.rend(); ++step) {
    if (step->kind == Kind::contraction) labels[index(step->node)] = labels[index(step->into)];
    if (step->kind != Kind::leaf) continue;
    const LabelId at_v = labels[index(step->into)];
    const auto c = costs(step->node);
    const auto cheapest = std::min_element(c.begin(), c.end());
    const bool follows = c[static_cast<std::size_t>(at_v)] <= *cheapest + weight(step->edge);
    labels[index(step->node)] = follows ? at_v : static_cast<LabelId>(cheapest - c.begin());
  }
}

void ReducedModel::lift_messages(std::span<double> messages) const {
  for (auto step = steps_.rbegin(); step != steps_.rend(); ++step) {
    if (step->edge < 0) continue;
    double* y = message(messages, step->edge);
    switch (step->kind) {
      case Kind::label:
      case Kind::settled_node: break;
      case Kind::settled_edge:
        std::copy_n(&settled_messages_[static_cast<std::size_t>(step->other) * n_labels_], n_labels_, y);
        break;
      case Kind::leaf: {  // the neighbour receives the truncated costs, the leaf keeps what is above them
        std::vector<double> answer(costs(step->node).begin(), costs(step->node).end());
        truncate_to(answer, weight(step->edge));
        for (std::size_t k = 0; k < n_labels_; ++k) y[k] = -sign(step->side) * answer[k];
        break;
      }
      case Kind::contraction: lift_contraction(*step, messages); break;
      case Kind::merge: {  // parallel edges share a message in proportion to their weights
        double* other = message(messages, step->other);
        for (std::size_t k = 0; k < n_labels_; ++k) {
          other[k] = (step->side == 0 ? 1.0 : -1.0) * step->share * y[k];
          y[k] *= 1 - step->share;
        }
        break;
      }
      case Kind::decided:  // the neighbour pays w for every label but the decided one
        for (std::size_t k = 0; k < n_labels_; ++k)
          y[k] = static_cast<LabelId>(k) == step->other ? 0.0 : -sign(step->side) * weight(step->edge);
        break;
    }
  }
}

// All costs of the contracted node move to the other end, where they add up with that node's own. Labels that only the
// contracted node could take get the most that the edge can give. What counts is which labels were left when it was
// contracted: one that left later needs its costs in one place as much as the others.
void ReducedModel::lift_contraction(const Step& step, std::span<double> messages) const {
  std::vector<double> total(costs(step.node).begin(), costs(step.node).end());
  for (const Arc& arc : arcs_[index(step.node)]) {
    if (arc.edge == step.edge) continue;
    const double* y = message(messages, arc.edge);
    for (std::size_t k = 0; k < n_labels_; ++k) total[k] += sign(arc.side) * y[k];
  }
  const char* shared = &shared_[static_cast<std::size_t>(step.other)];
  double largest = -kInfinity;
  for (std::size_t k = 0; k < n_labels_; ++k)
    if (shared[k] != 0) largest = std::max(largest, total[k]);
  const double least = -largest;
  const double most = least + weight(step.edge);
  double* y = message(messages, step.edge);
  for (std::size_t k = 0; k < n_labels_; ++k)
    y[k] = sign(step.side) * (shared[k] != 0 ? std::clamp(-total[k], least, most) : most);
}

void ReducedModel::project(std::span<LabelId> labels) const {
  for (const Step& step : steps_) {
    if (step.node == kNoNode) continue;
    LabelId& label = labels[index(step.node)];
    if (step.kind == Kind::settled_node) label = step.other;
    if (step.kind == Kind::contraction) label = labels[index(step.into)];
    if (step.kind == Kind::label && label == step.other) {
      const auto c = costs(step.node);
      label = static_cast<LabelId>(std::min_element(c.begin(), c.end()) - c.begin());
    }
  }
}

}  // namespace liid_cut
