// See branch_and_bound.hpp.
#include "search/branch_and_bound.hpp"

#include <limits>
#include <queue>
#include <tuple>
#include <utility>

#include "bound/first_labelling.hpp"
#include "bound/rule_out.hpp"
#include "lp/ckr_lp.hpp"
#include "lp/cycle_cuts.hpp"
#include "search/branching.hpp"
#include "util/assert.hpp"

namespace liid_cut {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
// A round of cuts is followed by another while it closes this part of the gap.
constexpr double kLeastGain = 0.02;
constexpr std::size_t kMostCuts = 200;  // in one round

// The labels that are left at a node of the tree, as costs with +infinity for the others.
struct Restriction {
  std::vector<double> unary;
  bool feasible = true;
  bool decided = true;  // one label is left at every node
};

struct TreeNode {
  std::int32_t parent;
  std::pair<NodeId, LabelId> split{kNoNode, kNoLabel};  // how its children divide it
  std::int32_t take = -1;
  std::int32_t drop = -1;
  std::vector<double> messages{};  // empty: the nearest ancestor's, and its cuts
  std::vector<ProofCut> cuts{};
  std::vector<std::pair<NodeId, LabelId>> ruled_out{};  // by its messages
};

struct OpenNode {
  double bound;
  std::int32_t id;  // older first among equal bounds

  friend bool operator<(const OpenNode& a, const OpenNode& b) {  // priority_queue puts the largest on top
    return std::tie(a.bound, a.id) > std::tie(b.bound, b.id);
  }
};

class Search {
 public:
  Search(const PottsModel& model, double tolerance, SearchContext& context, std::span<const LabelId> debug_labels,
         ModelCut& cut)
      : model_(model), tolerance_(tolerance), context_(context), debug_labels_(debug_labels), cut_(cut) {}

  void run() {
    const LinearProgram lp = ckr_lp(model_);
    context_.lp_session().load(model_, lp);
    tree_.push_back({-1});
    evaluate(0, cut_.lower_bound);
    cut_.stage = Stage::linear_program;
    while (!open_.empty() && !is_closed(open_.top().bound) && !context_.stop().requested()) {
      cut_.stage = Stage::branch_and_bound;
      const OpenNode node = open_.top();
      open_.pop();
      expand(node);
    }
    // The proof first: where memory runs out for it, there must be no bound that it was to prove.
    const bool by_messages_alone = tree_.size() == 1 && tree_[0].ruled_out.empty() && tree_[0].cuts.empty();
    if (!by_messages_alone || !cut_.proofs_complete) cut_.proofs.push_back(whole_model_part(model_, proof_of(0)));
    cut_.raise_bound(std::min(pruned_bound_, open_.empty() ? kInfinity : open_.top().bound));
  }

 private:
  bool is_closed(double bound) const { return cut_.cost - bound <= tolerance_; }
  TreeNode& at(std::int32_t id) { return tree_[static_cast<std::size_t>(id)]; }
  const TreeNode& at(std::int32_t id) const { return tree_[static_cast<std::size_t>(id)]; }

  void expand(const OpenNode& open) {
    const std::int32_t first = static_cast<std::int32_t>(tree_.size());
    tree_.push_back({open.id});
    tree_.push_back({open.id});
    at(open.id).take = first;
    at(open.id).drop = first + 1;
    evaluate(first, open.bound);
    evaluate(first + 1, open.bound);
    TreeNode& node = at(open.id);
    const bool inherited = at(first).messages.empty() || at(first + 1).messages.empty();
    if (node.ruled_out.empty() && !inherited) forget_messages(node);
  }

  // Bounds a node and keeps it open with a way to split it, or prunes it.
  void evaluate(std::int32_t id, double parent_bound) {
    Restriction restriction = restrict(id);
    if (!restriction.feasible) return;
    double bound = parent_bound;
    std::vector<double> x;
    if (restriction.decided) {
      const Labelling labels = cheapest_labels(model_, restriction.unary);
      cut_.offer(model_, labels);
      bound = std::max(bound, cost_of(model_, labels));
      if (id == 0)
        cut_.offer_messages(model_, messages_of_labelling(model_, labels));
      else
        keep_messages(id, messages_of_labelling(model_, labels), {});
    } else {
      x = solve_with_cuts(id, restriction.unary, bound);
    }
    LIID_HEAVY_ASSERT(
        !are_left(model_, restriction.unary, debug_labels_) || bound <= cost_of(model_, debug_labels_) + tolerance_,
        "a bound exceeds the cost of a known optimum");
    if (is_closed(bound) || restriction.decided) {
      pruned_bound_ = std::min(pruned_bound_, bound);
      return;
    }
    rule_out(id, restriction);
    if (restriction.feasible) {
      at(id).split = choose_split(model_, restriction.unary, x, messages_at(id), cut_.cost - bound);
      open_.push({bound, id});
    }
  }

  // The LP of a node, again and again with the cycles that it violates, while that closes enough of the gap. Returns
  // its solution, empty if there is none.
  std::vector<double> solve_with_cuts(std::int32_t id, std::span<const double> unary, double& bound) {
    std::vector<double> x;
    for (int round = 0;; ++round) {
      LpSolution lp = context_.lp_session().solve(unary);
      ++cut_.search_nodes;
      if (lp.status != LpStatus::optimal) return x;
      cut_.offer(model_, liid_cut::round(model_, lp.x));
      if (id == 0 && lp.cuts.empty()) cut_.offer_messages(model_, lp.messages);
      const double lp_bound =
          dual_bound(model_, without_cuts(model_, unary, lp.cuts), lp.messages) + bound_of_cuts(lp.cuts);
      x = std::move(lp.x);
      const double gained = lp_bound - bound;
      if (gained > 0) {
        bound = lp_bound;
        keep_messages(id, std::move(lp.messages), std::move(lp.cuts));
      }
      const double gap = cut_.cost - bound;
      if (gap <= tolerance_ || context_.stop().requested()) return x;
      if (round > 0 && gained < kLeastGain * gap) return x;
      std::vector<ProofCut> cuts = violated_cycle_cuts(model_, x);
      if (cuts.empty()) return x;
      if (cuts.size() > kMostCuts) cuts.resize(kMostCuts);
      context_.lp_session().add_cuts(std::move(cuts));
    }
  }

  void rule_out(std::int32_t id, Restriction& restriction) {
    const TreeNode& node = at(id);
    if (node.messages.empty()) return;
    const double target = cut_.cost - tolerance_ - bound_of_cuts(node.cuts);
    RuledOut ruled_out =
        labels_to_rule_out(model_, without_cuts(model_, restriction.unary, node.cuts), node.messages, target, {});
    ruled_out.bound += bound_of_cuts(node.cuts);
    pruned_bound_ = std::min(pruned_bound_, ruled_out.bound);
    for (const auto& [u, k] : ruled_out.labels) restriction.unary[model_.index(u, k)] = kInfinity;
    at(id).ruled_out = std::move(ruled_out.labels);
    count_labels(restriction);
  }

  Restriction restrict(std::int32_t id) const {
    Restriction result{model_.unary};
    for (std::int32_t child = id; at(child).parent >= 0; child = at(child).parent) {
      const TreeNode& parent = at(at(child).parent);
      for (const auto& [u, k] : parent.ruled_out) result.unary[model_.index(u, k)] = kInfinity;
      const auto [u, label] = parent.split;
      for (LabelId k = 0; k < model_.n_labels; ++k)
        if ((k == label) != (child == parent.take)) result.unary[model_.index(u, k)] = kInfinity;
    }
    count_labels(result);
    return result;
  }

  void count_labels(Restriction& restriction) const {
    for (NodeId u = 0; u < model_.n_nodes; ++u) {
      const int left = labels_left(restriction.unary, u);
      restriction.feasible = restriction.feasible && left > 0;
      restriction.decided = restriction.decided && left == 1;
    }
  }

  std::span<const double> row(std::span<const double> values, NodeId u) const {
    return values.subspan(model_.index(u, 0), model_.columns());
  }
  int labels_left(std::span<const double> unary, NodeId u) const {
    const auto costs = row(unary, u);
    return static_cast<int>(std::count_if(costs.begin(), costs.end(), [](double c) { return std::isfinite(c); }));
  }
  // Those of the node, or of its nearest ancestor that keeps some.
  std::span<const double> messages_at(std::int32_t id) const {
    for (; id >= 0; id = at(id).parent)
      if (!at(id).messages.empty()) return at(id).messages;
    return cut_.messages;
  }

  void keep_messages(std::int32_t id, std::vector<double> messages, std::vector<ProofCut> cuts) {
    const std::size_t bytes = messages.size() * sizeof(double) + cuts.size() * bytes_of_cut();
    if (proof_bytes_ + bytes > context_.settings().max_proof_bytes + bytes_of(at(id))) {
      cut_.proofs_complete = false;
      return;
    }
    proof_bytes_ += bytes - bytes_of(at(id));
    at(id).messages = std::move(messages);
    at(id).cuts = std::move(cuts);
  }
  std::size_t bytes_of_cut() const { return model_.columns() * sizeof(NodeId) + 8 * sizeof(EdgeId); }
  std::size_t bytes_of(const TreeNode& node) const {
    return node.messages.size() * sizeof(double) + node.cuts.size() * bytes_of_cut();
  }
  void forget_messages(TreeNode& node) {
    proof_bytes_ -= bytes_of(node);
    node.messages = {};
    node.cuts = {};
  }

  ProofNode proof_of(std::int32_t id) {
    TreeNode& node = at(id);
    ProofNode step;
    if (node.take >= 0) {
      step.kind = ProofNode::Kind::branch;
      std::tie(step.node, step.label) = node.split;
      step.children.push_back(proof_of(node.take));
      step.children.push_back(proof_of(node.drop));
    }
    if (node.ruled_out.empty()) {
      step.messages = std::move(node.messages);
      step.cuts = std::move(node.cuts);
      return step;
    }
    ProofNode outer;
    outer.kind = ProofNode::Kind::rule_out;
    outer.messages = std::move(node.messages);
    outer.cuts = std::move(node.cuts);
    outer.ruled_out = std::move(node.ruled_out);
    outer.children.push_back(std::move(step));
    return outer;
  }

  const PottsModel& model_;
  double tolerance_;
  SearchContext& context_;
  [[maybe_unused]] std::span<const LabelId> debug_labels_;
  ModelCut& cut_;

  std::vector<TreeNode> tree_;
  std::priority_queue<OpenNode> open_;
  double pruned_bound_ = kInfinity;
  std::size_t proof_bytes_ = 0;
};

}  // namespace

Labelling round(const PottsModel& model, std::span<const double> x) {
  Labelling labels;
  for (NodeId u = 0; u < model.n_nodes; ++u)
    labels.push_back(likeliest_label(model.costs_of(u), x.subspan(model.index(u, 0), model.columns())));
  improve(model, labels);
  return labels;
}

void solve_relaxation_and_search(const PottsModel& model, double tolerance, SearchContext& context,
                                 std::span<const LabelId> debug_labels, ModelCut& cut) {
  Search(model, tolerance, context, debug_labels, cut).run();
}

}  // namespace liid_cut
