// The promises of a reduced model, whichever rules made it: optimum, bound and projection, against enumeration.
#pragma once

#include "models.hpp"
#include "reduce/reduce.hpp"
#include "util/sum.hpp"

namespace liid_cut::test {

using Rule = bool (*)(ReducedModel&, NodeId);

// Applies one rule until it does nothing at any node; how often it did something.
inline int apply_alone(ReducedModel& reduced, NodeId n_nodes, Rule rule) {
  int n_times = 0;
  for (bool changed = true; changed;) {
    changed = false;
    for (NodeId u = 0; u < n_nodes; ++u)
      if (reduced.is_alive(u) && rule(reduced, u)) {
        changed = true;
        ++n_times;
      }
  }
  return n_times;
}

// Labels of what is left, cheapest by enumeration; nodes that left have none.
inline Labelling cheapest_of_rest(const PottsModel& model, ReducedModel& reduced) {
  Labelling labels(static_cast<std::size_t>(model.n_nodes), kNoLabel);
  for (NodeId u = 0; u < model.n_nodes; ++u) {
    const auto costs = reduced.costs(u);
    if (reduced.is_alive(u))
      labels[static_cast<std::size_t>(u)] =
          static_cast<LabelId>(std::min_element(costs.begin(), costs.end()) - costs.begin());
  }
  for (const Kernel& kernel : kernels_of(reduced, model)) {
    const Labelling cheapest = cheapest_labelling(kernel.model);
    for (std::size_t i = 0; i < cheapest.size(); ++i) labels[static_cast<std::size_t>(kernel.nodes[i])] = cheapest[i];
  }
  return labels;
}

// The bound of messages on the kernels, with the cheapest costs of the nodes that have no edges left.
inline double bound_of_rest(const PottsModel& model, ReducedModel& reduced, std::span<const double> messages) {
  Sum bound;
  for (NodeId u = 0; u < model.n_nodes; ++u) {
    const auto costs = reduced.costs(u);
    if (reduced.is_alive(u) && reduced.arcs(u).empty()) bound += *std::min_element(costs.begin(), costs.end());
  }
  for (const Kernel& kernel : kernels_of(reduced, model)) {
    std::vector<double> own;
    for (const EdgeId e : kernel.edges) {
      const auto y = messages.subspan(static_cast<std::size_t>(e) * model.columns(), model.columns());
      own.insert(own.end(), y.begin(), y.end());
    }
    bound += dual_bound(kernel.model, kernel.model.unary, own);
  }
  return bound.value();
}

// Random feasible messages on the edges that are left; NaN on the others, which lifting must overwrite.
inline std::vector<double> messages_on_rest(const PottsModel& model, ReducedModel& reduced, Random& random) {
  std::vector<double> messages(model.n_edges() * model.columns(), std::numeric_limits<double>::quiet_NaN());
  for (const Kernel& kernel : kernels_of(reduced, model)) {
    const std::vector<double> own = feasible_messages(kernel.model, random);
    for (std::size_t i = 0; i < kernel.edges.size(); ++i)
      std::copy_n(&own[i * model.columns()], model.columns(),
                  &messages[static_cast<std::size_t>(kernel.edges[i]) * model.columns()]);
  }
  return messages;
}

inline void check_reduction(const PottsModel& model, ReducedModel& reduced, Random& random) {
  Labelling labels = cheapest_of_rest(model, reduced);
  reduced.lift_labels(labels);
  const double optimum = optimal_cost(model);
  CHECK(cost_of(model, labels) == doctest::Approx(optimum).epsilon(kTolerance));

  for (int i = 0; i < 3; ++i) {
    std::vector<double> messages = messages_on_rest(model, reduced, random);
    const double bound = bound_of_rest(model, reduced, messages);
    reduced.lift_messages(messages);
    check_feasible(model, messages);
    CHECK(dual_bound(model, model.unary, messages) == doctest::Approx(bound).epsilon(kTolerance));
    CHECK(bound <= optimum + kTolerance);

    const Labelling any = random_labelling(model, random);
    Labelling projected = any;
    reduced.project(projected);
    for (NodeId u = 0; u < model.n_nodes; ++u)
      if (reduced.is_alive(u))
        CHECK(std::isfinite(reduced.costs(u)[static_cast<std::size_t>(projected[static_cast<std::size_t>(u)])]));
    reduced.lift_labels(projected);
    CHECK(cost_of(model, projected) <= cost_of(model, any) + kTolerance);
  }
}

// Random models, each reduced by one rule alone. The rule must have been of use in many.
inline void check_rule(Rule rule) {
  Random random(1);
  int n_reduced = 0;
  for (std::uint64_t seed = 0; seed < 3000; ++seed) {
    CAPTURE(seed);
    const PottsModel model = random_model(seed);
    ReducedModel reduced(model);
    n_reduced += apply_alone(reduced, model.n_nodes, rule) > 0;
    check_reduction(model, reduced, random);
  }
  CHECK(n_reduced > 300);
}

}  // namespace liid_cut::test
