// See dual_search.hpp.
#include "search/dual_search.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "bound/dual_ascent.hpp"
#include "bound/first_labelling.hpp"
#include "bound/rule_out.hpp"
#include "util/assert.hpp"

namespace liid_cut {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
// A node is branched on when so many iterations close less than a part of its gap.
constexpr int kIterations = 4;
constexpr double kLeastProgress = 0.2;

class DualSearch {
 public:
  DualSearch(const PottsModel& model, double tolerance, std::int64_t most_nodes, const SearchContext& context,
             std::span<const LabelId> debug_labels, ModelCut& cut)
      : rest_(model),
        model_(model),
        tolerance_(tolerance),
        most_nodes_(most_nodes),
        context_(context),
        debug_labels_(debug_labels),
        cut_(cut) {}

  bool run() {
    std::vector<double> messages = cut_.messages;
    messages.resize(model_.n_edges() * model_.columns(), 0.0);
    ProofNode proof;
    const double bound = search(std::move(messages), proof);
    cut_.search_nodes += n_nodes_;
    if (gave_up_) return false;  // what a tree does not cover has no proof
    cut_.raise_bound(bound);
    cut_.stage = Stage::branch_and_bound;
    cut_.proofs.push_back(whole_model_part(model_, std::move(proof)));
    return true;
  }

 private:
  using Choice = std::pair<NodeId, LabelId>;

  // The bound of the labellings that are left, and the proof of it.
  double search(std::vector<double> messages, ProofNode& proof) {
    proof_bytes_ += messages.size() * sizeof(double);  // most nodes keep theirs once
    if (gave_up_ || ++n_nodes_ > most_nodes_ || proof_bytes_ > context_.settings().max_proof_bytes ||
        context_.stop().requested()) {
      gave_up_ = true;
      return -kInfinity;
    }
    const double bound = ascend(messages);
    LIID_HEAVY_ASSERT(
        !are_left(model_, rest_.unary, debug_labels_) || bound <= cost_of(model_, debug_labels_) + tolerance_,
        "a bound exceeds the cost of a known optimum");
    if (is_closed(bound)) {
      proof.messages = std::move(messages);
      return bound;
    }
    RuledOut ruled_out = labels_to_rule_out(rest_, rest_.unary, messages, cut_.cost - tolerance_, {});
    std::vector<double> costs;
    for (const auto& [u, k] : ruled_out.labels)
      costs.push_back(std::exchange(rest_.unary[model_.index(u, k)], kInfinity));

    ProofNode branches;
    const double inner = branch(messages, branches);
    for (std::size_t i = 0; i < costs.size(); ++i)
      rest_.unary[model_.index(ruled_out.labels[i].first, ruled_out.labels[i].second)] = costs[i];
    if (costs.empty()) {
      proof = std::move(branches);
    } else {
      proof.kind = ProofNode::Kind::rule_out;
      proof.messages = std::move(messages);
      proof.ruled_out = std::move(ruled_out.labels);
      proof.children.push_back(std::move(branches));
    }
    return std::min(inner, ruled_out.bound);
  }

  double ascend(std::vector<double>& messages) {
    DualAscent ascent(rest_, messages);
    Labelling labels;
    double bound = dual_bound(rest_, rest_.unary, messages);
    for (;;) {
      const double gap = cut_.cost - bound;
      for (int i = 0; i < kIterations; ++i) ascent.iterate(labels);
      improve(model_, labels);
      cut_.offer(model_, labels);
      std::vector<double> next = ascent.messages();
      normalise(rest_, next);
      const double next_bound = dual_bound(rest_, rest_.unary, next);
      if (next_bound > bound) {
        bound = next_bound;
        messages = std::move(next);
      }
      if (is_closed(bound) || cut_.cost - bound > (1 - kLeastProgress) * gap) return bound;
    }
  }

  double branch(const std::vector<double>& messages, ProofNode& proof) {
    const auto [u, k] = choose_split(messages);
    if (u == kNoNode) {  // one labelling is left
      const Labelling labels = cheapest_labels(model_, rest_.unary);
      cut_.offer(model_, labels);
      proof.messages = messages_of_labelling(model_, labels);
      return cost_of(model_, labels);
    }
    proof.kind = ProofNode::Kind::branch;
    proof.node = u;
    proof.label = k;
    proof.children.resize(2);
    const auto first = rest_.unary.begin() + static_cast<std::ptrdiff_t>(model_.index(u, 0));
    const std::vector<double> row(first, first + model_.n_labels);
    const auto kth = static_cast<std::size_t>(k);
    std::fill(first, first + model_.n_labels, kInfinity);
    first[k] = row[kth];
    const double taken = search(messages, proof.children[0]);
    std::copy(row.begin(), row.end(), first);
    first[k] = kInfinity;
    const double dropped = search(messages, proof.children[1]);
    first[k] = row[kth];
    return std::min(taken, dropped);
  }

  // The node whose two cheapest labels differ least, the one of heavier edges among equals, and its cheapest label.
  Choice choose_split(const std::vector<double>& messages) const {
    const std::vector<double> costs = reparametrised(rest_, rest_.unary, messages);
    Choice best{kNoNode, kNoLabel};
    double least = kInfinity;
    for (NodeId u = 0; u < model_.n_nodes; ++u) {
      const auto row = std::span(costs).subspan(model_.index(u, 0), model_.columns());
      const auto cheapest = std::min_element(row.begin(), row.end());
      double second = kInfinity;
      for (auto c = row.begin(); c != row.end(); ++c)
        if (c != cheapest) second = std::min(second, *c);
      if (!std::isfinite(second)) continue;
      double degree = 0;
      for (const auto [v, e] : model_.adjacency[u]) degree += model_.weights[static_cast<std::size_t>(e)];
      const double decidedness = (second - *cheapest) / degree;
      if (decidedness < least) {
        least = decidedness;
        best = {u, static_cast<LabelId>(cheapest - row.begin())};
      }
    }
    return best;
  }

  bool is_closed(double bound) const { return cut_.cost - bound <= tolerance_; }

  PottsModel rest_;  // the model, with +infinity for the labels that are not left at the node of the tree at hand
  const PottsModel& model_;
  double tolerance_;
  std::int64_t most_nodes_;
  const SearchContext& context_;
  [[maybe_unused]] std::span<const LabelId> debug_labels_;
  ModelCut& cut_;
  std::int64_t n_nodes_ = 0;
  std::size_t proof_bytes_ = 0;
  bool gave_up_ = false;
};

}  // namespace

bool search_by_dual_ascent(const PottsModel& model, double tolerance, std::int64_t most_nodes,
                           const SearchContext& context, std::span<const LabelId> debug_labels, ModelCut& cut) {
  return DualSearch(model, tolerance, most_nodes, context, debug_labels, cut).run();
}

}  // namespace liid_cut
