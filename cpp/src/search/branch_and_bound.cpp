// See branch_and_bound.hpp.
#include "search/branch_and_bound.hpp"

#include <limits>
#include <queue>
#include <tuple>
#include <utility>

#include "bound/dual_bound.hpp"
#include "bound/first_labelling.hpp"
#include "util/assert.hpp"

namespace liid_cut {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

struct Branching {
  NodeId node = kNoNode;
  LabelId label = kNoLabel;
};

struct OpenNode {
  double bound;
  std::int32_t id;  // in the proof tree; older first among equal bounds
  Branching branching;

  friend bool operator<(const OpenNode& a, const OpenNode& b) {  // priority_queue puts the largest on top
    return std::tie(a.bound, a.id) > std::tie(b.bound, b.id);
  }
};

// The labels that are left at a node of the tree, as costs with +infinity for the others.
struct Restriction {
  std::vector<double> unary;
  bool feasible = true;
  bool decided = true;  // one label is left at every node
};

class Search {
 public:
  Search(const PottsModel& model, HighsSession& session, const Settings& settings, const StopSignal& stop,
         std::span<const LabelId> debug_labels, ComponentCut& cut)
      : model_(model), session_(session), settings_(settings), stop_(stop), debug_labels_(debug_labels), cut_(cut) {}

  void run(const LpSolution& root) {
    const std::int32_t id = add_node(-1);
    add_messages(id, cut_.messages);
    push(id, cut_.lower_bound, choose_branching(model_.unary, root.x));
    while (!open_.empty() && !is_closed(cut_.cost, open_.top().bound, settings_) && !stop_.requested()) {
      const OpenNode node = open_.top();
      open_.pop();
      expand(node);
    }
    cut_.lower_bound = std::min(cut_.cost, std::min(pruned_bound_, open_.empty() ? kInfinity : open_.top().bound));
    compact_messages();
    cut_.proof = std::move(proof_);
  }

 private:
  std::int32_t add_node(std::int32_t parent) {
    proof_.nodes.emplace_back();
    parents_.push_back(parent);
    return static_cast<std::int32_t>(proof_.nodes.size()) - 1;
  }
  ProofNode& proof_node(std::int32_t id) { return proof_.nodes[static_cast<std::size_t>(id)]; }
  std::int32_t parent(std::int32_t id) const { return parents_[static_cast<std::size_t>(id)]; }

  void expand(const OpenNode& open) {
    const std::int32_t take = add_node(open.id);
    const std::int32_t drop = add_node(open.id);
    ProofNode& split = proof_node(open.id);
    split = {open.branching.node, open.branching.label, take, drop, split.messages};
    evaluate(take, open.bound);
    evaluate(drop, open.bound);
    release_messages(open.id);
  }

  // Bounds a new leaf and keeps it open, or prunes it.
  void evaluate(std::int32_t id, double parent_bound) {
    proof_node(id).messages = proof_node(parent(id)).messages;
    const Restriction restriction = restrict(id);
    if (!restriction.feasible) return;

    double bound = parent_bound;
    Branching branching;
    if (restriction.decided) {
      const Labelling labels = remaining_labels(restriction.unary);
      cut_.offer(model_, labels);
      bound = std::max(bound, cost_of(model_, labels));
      add_messages(id, messages_of_labelling(model_, labels));
    } else {
      const LpSolution lp = session_.solve(restriction.unary);
      ++cut_.search_nodes;
      if (lp.status == LpStatus::optimal) {
        cut_.offer(model_, round(model_, lp.x));
        if (const double lp_bound = dual_bound(model_, restriction.unary, lp.messages); lp_bound > bound) {
          bound = lp_bound;
          add_messages(id, lp.messages);
        }
      }
      branching = choose_branching(restriction.unary, lp.x);
    }
    LIID_HEAVY_ASSERT(!holds_debug_labels(restriction) || is_closed(bound, cost_of(model_, debug_labels_), settings_) ||
                          bound < cost_of(model_, debug_labels_),
                      "a bound exceeds the cost of a known optimum");
    if (branching.node == kNoNode || is_closed(cut_.cost, bound, settings_))
      pruned_bound_ = std::min(pruned_bound_, bound);
    else
      push(id, bound, branching);
  }

  void push(std::int32_t id, double bound, Branching branching) { open_.push({bound, id, branching}); }

  Restriction restrict(std::int32_t id) const {
    Restriction result{model_.unary};
    for (std::int32_t child = id; parent(child) >= 0; child = parent(child)) {
      const ProofNode& split = proof_.nodes[static_cast<std::size_t>(parent(child))];
      for (LabelId k = 0; k < model_.n_labels; ++k)
        if ((k == split.label) != (child == split.take)) result.unary[model_.index(split.node, k)] = kInfinity;
    }
    for (NodeId u = 0; u < model_.n_nodes; ++u) {
      const int left = labels_left(result.unary, u);
      result.feasible = result.feasible && left > 0;
      result.decided = result.decided && left == 1;
    }
    return result;
  }

  int labels_left(std::span<const double> unary, NodeId u) const {
    const auto row = unary.subspan(model_.index(u, 0), model_.columns());
    return static_cast<int>(std::count_if(row.begin(), row.end(), [](double c) { return std::isfinite(c); }));
  }

  Labelling remaining_labels(std::span<const double> unary) const {
    Labelling labels;
    for (NodeId u = 0; u < model_.n_nodes; ++u) {
      const auto row = unary.subspan(model_.index(u, 0), model_.columns());
      labels.push_back(static_cast<LabelId>(std::min_element(row.begin(), row.end()) - row.begin()));
    }
    return labels;
  }

  // Without an LP solution (it failed or was stopped) the first undecided node and its cheapest label.
  Branching choose_branching(std::span<const double> unary, std::span<const double> x) const {
    Branching best;
    double least = kInfinity;
    for (NodeId u = 0; u < model_.n_nodes; ++u) {
      if (labels_left(unary, u) < 2) continue;
      const auto row = x.empty() ? unary.subspan(model_.index(u, 0), model_.columns())
                                 : x.subspan(model_.index(u, 0), model_.columns());
      const auto chosen =
          x.empty() ? std::min_element(row.begin(), row.end()) : std::max_element(row.begin(), row.end());
      const double certainty = x.empty() ? 1.0 : *chosen;
      if (certainty < least) {
        least = certainty;
        best = {u, static_cast<LabelId>(chosen - row.begin())};
      }
    }
    return best;
  }

  // ---- messages of the leaves; an inner node's are freed once no leaf refers to them

  void add_messages(std::int32_t id, const std::vector<double>& messages) {
    const std::size_t bytes = messages.size() * sizeof(double);
    if (proof_bytes_ + bytes > settings_.max_proof_bytes) {
      proof_.complete = false;
      return;
    }
    proof_bytes_ += bytes;
    proof_node(id).messages = static_cast<std::int32_t>(proof_.messages.size());
    proof_.messages.push_back(messages);
  }

  void release_messages(std::int32_t id) {
    ProofNode& node = proof_node(id);
    const std::int32_t own = std::exchange(node.messages, -1);
    if (own < 0 || proof_node(node.take).messages == own || proof_node(node.drop).messages == own) return;
    auto& messages = proof_.messages[static_cast<std::size_t>(own)];
    proof_bytes_ -= messages.size() * sizeof(double);
    messages = {};
  }

  void compact_messages() {
    std::vector<std::int32_t> renumbered(proof_.messages.size(), -1);
    std::vector<std::vector<double>> kept;
    for (ProofNode& node : proof_.nodes) {
      if (node.take >= 0 || node.messages < 0) continue;
      std::int32_t& index = renumbered[static_cast<std::size_t>(node.messages)];
      if (index < 0) {
        index = static_cast<std::int32_t>(kept.size());
        kept.push_back(std::move(proof_.messages[static_cast<std::size_t>(node.messages)]));
      }
      node.messages = index;
    }
    proof_.messages = std::move(kept);
  }

  [[maybe_unused]] bool holds_debug_labels(const Restriction& restriction) const {
    if (debug_labels_.empty()) return false;
    for (NodeId u = 0; u < model_.n_nodes; ++u)
      if (!std::isfinite(restriction.unary[model_.index(u, debug_labels_[static_cast<std::size_t>(u)])])) return false;
    return true;
  }

  const PottsModel& model_;
  HighsSession& session_;
  const Settings& settings_;
  const StopSignal& stop_;
  [[maybe_unused]] std::span<const LabelId> debug_labels_;
  ComponentCut& cut_;

  ProofTree proof_;
  std::vector<std::int32_t> parents_;
  std::priority_queue<OpenNode> open_;
  double pruned_bound_ = kInfinity;
  std::size_t proof_bytes_ = 0;
};

}  // namespace

Labelling round(const PottsModel& model, std::span<const double> x) {
  Labelling labels;
  for (NodeId u = 0; u < model.n_nodes; ++u) {
    LabelId best = kNoLabel;
    for (LabelId k = 0; k < model.n_labels; ++k)
      if (model.is_allowed(u, k) && (best == kNoLabel || x[model.index(u, k)] > x[model.index(u, best)])) best = k;
    labels.push_back(best);
  }
  improve(model, labels);
  return labels;
}

void branch_and_bound(const PottsModel& model, HighsSession& session, const LpSolution& root, const Settings& settings,
                      const StopSignal& stop, std::span<const LabelId> debug_labels, ComponentCut& cut) {
  Search(model, session, settings, stop, debug_labels, cut).run(root);
}

}  // namespace liid_cut
