// See stages.hpp.
#include "search/stages.hpp"

#include <cmath>
#include <limits>
#include <new>
#include <stdexcept>

#include "bound/dual_ascent.hpp"
#include "bound/expansion.hpp"
#include "bound/first_labelling.hpp"
#include "bound/rule_out.hpp"
#include "reduce/reduce.hpp"
#include "search/branch_and_bound.hpp"
#include "search/dual_search.hpp"
#include "util/assert.hpp"

namespace liid_cut {
namespace {

// Dual ascent pauses when so many iterations close less than a part of the gap: first early, for what the bound rules
// out by then may leave little; later, when nothing is ruled out any more, only when it has all but stalled.
constexpr int kPatience = 16;
constexpr double kLeastProgress[] = {0.02, 0.005, 0.001};
// Starting over on what is left pays when at least this part of the labels was ruled out.
constexpr double kWorthStartingOver = 0.05;
// A kernel of so few costs is searched by dual ascent first: so many nodes of a tree take no longer than its linear
// program.
constexpr std::size_t kSmall = 500;
constexpr std::int64_t kFewNodes = 20;

void ascend(const PottsModel& model, double least_progress, double tolerance, const SearchContext& context,
            ModelCut& cut) {
  DualAscent ascent(model, cut.messages);
  Labelling labels;
  double gap_before = cut.gap();
  for (int i = 1;; ++i) {
    ascent.iterate(labels);
    if (context.stop().requested()) return;
    if ((i & (i - 1)) != 0 && i % kPatience != 0) continue;  // 1, 2, 4, 8, 16, 32, 48, ...
    Labelling improved(labels);
    improve(model, improved);
    cut.offer(model, std::move(improved));
    cut.offer_messages(model, ascent.messages());
    if (cut.gap() <= tolerance) return;
    if (i % kPatience != 0) continue;
    if (cut.gap() > (1 - least_progress) * gap_before) break;
    gap_before = cut.gap();
  }
  // Expansion moves are dearer than an iteration, so they come once, from the best labelling and from the last.
  for (Labelling start : {cut.labels, labels})
    if (cut.gap() > tolerance && expand(model, start)) cut.offer(model, std::move(start));
}

std::size_t count_choices(const PottsModel& model) {
  const auto finite = std::count_if(model.unary.begin(), model.unary.end(), [](double c) { return std::isfinite(c); });
  return static_cast<std::size_t>(finite) - static_cast<std::size_t>(model.n_nodes);
}

void cut_kernels(const PottsModel& model, Rules rules, double tolerance, SearchContext& context,
                 std::span<const LabelId> debug_labels, ModelCut& cut);

// Cuts what is left without the labels that the messages rule out, and records both steps of the proof.
void start_over_without(const RuledOut& ruled_out, const PottsModel& model, double tolerance, SearchContext& context,
                        std::span<const LabelId> debug_labels, ModelCut& cut) {
  PottsModel rest = model;
  for (const auto& [u, k] : ruled_out.labels) rest.unary[model.index(u, k)] = std::numeric_limits<double>::infinity();

  const bool known_is_left = are_left(rest, rest.unary, debug_labels);
  LIID_HEAVY_ASSERT(debug_labels.empty() || known_is_left || cut.cost <= cost_of(model, debug_labels) + tolerance,
                    "a known optimum was ruled out");
  const std::vector<double> zero(model.n_edges() * model.columns(), 0.0);
  const std::vector<double>& messages = cut.messages.empty() ? zero : cut.messages;
  ModelCut inner = inspect(rest);
  inner.offer(rest, cut.labels);
  inner.offer_messages(rest, messages);
  const auto known = known_is_left ? debug_labels : std::span<const LabelId>{};
  cut_kernels(rest, Rules::safe_under_restriction, tolerance, context, known, inner);

  ProofNode step;
  step.kind = ProofNode::Kind::rule_out;
  step.messages = messages;
  step.ruled_out = ruled_out.labels;
  step.children.emplace_back();
  step.children[0].messages = inner.messages.empty() ? zero : std::move(inner.messages);
  step.children[0].parts = std::move(inner.proofs);
  cut.proofs.push_back(whole_model_part(model, std::move(step)));
  cut.proofs_complete = cut.proofs_complete && inner.proofs_complete;
  cut.offer(model, std::move(inner.labels));
  cut.raise_bound(std::min(ruled_out.bound, inner.lower_bound));
  cut.stage = std::max(cut.stage, inner.stage);
  cut.limit = std::max(cut.limit, inner.limit);
  cut.search_nodes += inner.search_nodes;
}

void cut_kernel(const PottsModel& model, Rules rules, double tolerance, SearchContext& context,
                std::span<const LabelId> debug_labels, ModelCut& cut) {
  if (cut.gap() <= tolerance) return;
  cut.stage = Stage::dual_ascent;
  for (const double least_progress : kLeastProgress) {
    ascend(model, least_progress, tolerance, context, cut);
    if (cut.gap() <= tolerance || context.stop().requested()) return;
    if (rules == Rules::all) return;

    const RuledOut ruled_out = labels_to_rule_out(model, model.unary, cut.messages, cut.cost - tolerance, cut.labels);
    if (static_cast<double>(ruled_out.labels.size()) >= kWorthStartingOver * static_cast<double>(count_choices(model)))
      return start_over_without(ruled_out, model, tolerance, context, debug_labels, cut);
  }
  if (model.unary.size() <= kSmall && search_by_dual_ascent(model, tolerance, kFewNodes, context, debug_labels, cut))
    return;
  cut_by_relaxation(model, tolerance, context, debug_labels, cut);
}

// The labels that a labelling of the whole gives the nodes of a kernel, where they are left; else their cheapest.
Labelling labels_at(const Kernel& kernel, std::span<const LabelId> labels) {
  Labelling result;
  for (std::size_t i = 0; i < kernel.nodes.size(); ++i) {
    const auto costs = kernel.model.costs_of(static_cast<NodeId>(i));
    const LabelId k = labels[static_cast<std::size_t>(kernel.nodes[i])];
    const bool is_left = std::isfinite(costs[static_cast<std::size_t>(k)]);
    result.push_back(is_left ? k : static_cast<LabelId>(std::min_element(costs.begin(), costs.end()) - costs.begin()));
  }
  return result;
}

std::vector<double> messages_at(const Kernel& kernel, std::span<const double> messages) {
  std::vector<double> result;
  result.reserve(kernel.edges.size() * kernel.model.columns());
  for (const EdgeId e : kernel.edges) {
    const auto first = messages.begin() + static_cast<std::ptrdiff_t>(e) * kernel.model.n_labels;
    result.insert(result.end(), first, first + kernel.model.n_labels);
  }
  return result;
}

// Reduces the model and cuts each kernel; their union is offered to `cut`.
void cut_kernels(const PottsModel& model, Rules rules, double tolerance, SearchContext& context,
                 std::span<const LabelId> debug_labels, ModelCut& cut) {
  ReducedModel reduced(model);
  reduce(reduced, rules);
  Labelling known(debug_labels.begin(), debug_labels.end());
  if (!known.empty()) reduced.project(known);

  Labelling labels(cut.labels);
  for (NodeId u = 0; u < model.n_nodes; ++u) {
    const auto costs = reduced.costs(u);
    if (reduced.is_alive(u) && reduced.arcs(u).empty())
      labels[static_cast<std::size_t>(u)] =
          static_cast<LabelId>(std::min_element(costs.begin(), costs.end()) - costs.begin());
  }
  ModelCut result;
  result.stage = Stage::reduction;
  double lost = 0;               // gaps of the kernels
  std::vector<double> messages;  // not before the first kernel is cut: a giant one needs the memory until then
  std::vector<Kernel> kernels = kernels_of(reduced, model);
  for (Kernel& kernel : kernels) {
    const double share = static_cast<double>(kernel.nodes.size()) / static_cast<double>(model.n_nodes);
    ModelCut part = inspect(kernel.model);
    part.offer(kernel.model, labels_at(kernel, labels));
    if (!cut.messages.empty()) part.offer_messages(kernel.model, messages_at(kernel, cut.messages));
    const Labelling known_part = known.empty() ? Labelling{} : labels_at(kernel, known);
    cut_kernel(kernel.model, rules, share * tolerance, context, known_part, part);

    for (std::size_t i = 0; i < kernel.nodes.size(); ++i)
      labels[static_cast<std::size_t>(kernel.nodes[i])] = part.labels[i];
    kernel.model = {};
    messages.resize(model.n_edges() * model.columns(), 0.0);
    for (std::size_t i = 0; i < kernel.edges.size() && !part.messages.empty(); ++i)
      std::copy_n(&part.messages[i * model.columns()], model.columns(),
                  &messages[static_cast<std::size_t>(kernel.edges[i]) * model.columns()]);
    for (ProofPart& proof : part.proofs) {
      renumber(proof, kernel.nodes, kernel.edges);
      result.proofs.push_back(std::move(proof));
    }
    result.proofs_complete = result.proofs_complete && part.proofs_complete;
    result.stage = std::max(result.stage, part.stage);
    result.limit = std::max(result.limit, part.limit);
    result.search_nodes += part.search_nodes;
    lost += part.gap();
  }
  messages.resize(model.n_edges() * model.columns(), 0.0);
  reduced.lift_labels(labels);
  reduced.lift_messages(messages);
  normalise(model, messages);

  // Reductions keep costs: the bound falls short of the cost by the kernels' gaps and nothing else.
  const double cost = cost_of(model, labels);
  const double bound = result.proofs.empty() ? dual_bound(model, model.unary, messages) : cost - lost;
  LIID_HEAVY_ASSERT(debug_labels.empty() || cost - lost <= cost_of(model, debug_labels) + tolerance,
                    "a reduction lost a known optimum");
  cut.offer(model, std::move(labels));
  if (bound > cut.lower_bound) {
    cut.raise_bound(bound);
    cut.messages = std::move(messages);
    cut.proofs = std::move(result.proofs);
    cut.proofs_complete = result.proofs_complete;
  }
  cut.stage = std::max(cut.stage, result.stage);
  cut.limit = result.limit;
  cut.search_nodes += result.search_nodes;
}

}  // namespace

ModelCut inspect(const PottsModel& model) {
  ModelCut cut;
  cut.labels = first_labelling(model);
  cut.cost = cost_of(model, cut.labels);
  cut.lower_bound = std::min(cut.cost, dual_bound(model, model.unary, {}));
  return cut;
}

void cut_by_all_stages(const PottsModel& model, double tolerance, SearchContext& context,
                       std::span<const LabelId> debug_labels, ModelCut& cut) {
  for (const Rules rules : {Rules::all, Rules::safe_under_restriction}) {
    if (cut.gap() <= tolerance || context.stop().requested()) return;
    cut_kernels(model, rules, tolerance, context, debug_labels, cut);
  }
}

void cut_quickly(const PottsModel& model, double tolerance, SearchContext& context,
                 std::span<const LabelId> debug_labels, ModelCut& cut) {
  if (cut.gap() <= tolerance) return;
  cut_kernels(model, Rules::all, tolerance, context, debug_labels, cut);
  if (cut.gap() > tolerance && !context.stop().requested()) cut.limit = Status::unproven;
}

void cut_by_relaxation(const PottsModel& model, double tolerance, SearchContext& context,
                       std::span<const LabelId> debug_labels, ModelCut& cut) {
  try {
    solve_relaxation_and_search(model, tolerance, context, debug_labels, cut);
  } catch (const std::length_error&) {
    cut.limit = Status::size_limit;
  } catch (const std::bad_alloc&) {
    context.drop_lp_session();
    cut.limit = Status::memory_limit;
  }
}

}  // namespace liid_cut
