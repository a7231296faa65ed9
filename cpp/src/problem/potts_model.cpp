// Cutting a component's model out of the problem; see potts_model.hpp.
#include "problem/potts_model.hpp"

#include <algorithm>
#include <numeric>

#include "util/sum.hpp"

namespace liid_cut {
namespace {

PottsModel without_edges(const Problem& problem, std::span<const NodeId> nodes) {
  PottsModel model;
  model.n_nodes = static_cast<NodeId>(nodes.size());
  model.n_labels = problem.n_labels();
  model.unary.resize(nodes.size() * model.columns());
  for (std::size_t i = 0; i < nodes.size(); ++i)
    label_costs(problem, nodes[i], std::span(model.unary).subspan(i * model.columns(), model.columns()));
  return model;
}

}  // namespace

PottsModel component_model(const Problem& problem, const Components& components, ComponentId t) {
  const auto nodes = components.nodes_of(t);
  const auto edges = components.edges_of(t);
  const auto local = [&](NodeId u) { return components.place[static_cast<std::size_t>(u)]; };

  PottsModel model = without_edges(problem, nodes);
  model.edges.reserve(edges.size());
  model.weights.reserve(edges.size());
  for (const EdgeId e : edges) {
    const Edge edge = problem.graph.edges()[static_cast<std::size_t>(e)];
    model.edges.push_back({local(edge.u), local(edge.v)});
    model.weights.push_back(problem.graph.weights()[static_cast<std::size_t>(e)]);
  }
  model.adjacency = Adjacency(model.n_nodes, model.edges);
  return model;
}

PottsModel whole_model(const Problem& problem) {
  std::vector<NodeId> nodes(static_cast<std::size_t>(problem.n_nodes()));
  std::iota(nodes.begin(), nodes.end(), NodeId{0});
  PottsModel model = without_edges(problem, nodes);
  model.edges.assign(problem.graph.edges().begin(), problem.graph.edges().end());
  model.weights.assign(problem.graph.weights().begin(), problem.graph.weights().end());
  model.adjacency = Adjacency(model.n_nodes, model.edges);
  return model;
}

double cost_of(const PottsModel& model, std::span<const LabelId> labels) {
  Sum cost;
  for (NodeId u = 0; u < model.n_nodes; ++u) cost += model.unary[model.index(u, labels[static_cast<std::size_t>(u)])];
  for (std::size_t e = 0; e < model.n_edges(); ++e)
    if (labels[static_cast<std::size_t>(model.edges[e].u)] != labels[static_cast<std::size_t>(model.edges[e].v)])
      cost += model.weights[e];
  return cost.value();
}

bool truncate(PottsModel& model, double most) {
  bool lowered = false;
  for (std::vector<double>* values : {&model.unary, &model.weights})
    for (double& x : *values) {
      if (!(x > most) || !std::isfinite(x)) continue;
      x = most;
      lowered = true;
    }
  return lowered;
}

Labelling cheapest_labels(const PottsModel& model, std::span<const double> unary) {
  Labelling labels(static_cast<std::size_t>(model.n_nodes));
  for (NodeId u = 0; u < model.n_nodes; ++u) {
    const auto costs = unary.subspan(model.index(u, 0), model.columns());
    labels[static_cast<std::size_t>(u)] =
        static_cast<LabelId>(std::min_element(costs.begin(), costs.end()) - costs.begin());
  }
  return labels;
}

bool are_left(const PottsModel& model, std::span<const double> unary, std::span<const LabelId> labels) {
  for (std::size_t u = 0; u < labels.size(); ++u)
    if (!std::isfinite(unary[model.index(static_cast<NodeId>(u), labels[u])])) return false;
  return !labels.empty();
}

}  // namespace liid_cut
