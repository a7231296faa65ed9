// The certificate checker; see liid_cut/verify.hpp. Shares no bound computation with the solver's search.
#include "liid_cut/verify.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <sstream>
#include <stdexcept>
#include <utility>

#include "util/sum.hpp"
#include "verify/brute_force.hpp"

namespace liid_cut {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kRounding = 1e-12;  // what rounding may add to the spread of messages, relative to the weight

class Checker {
 public:
  Checker(const Problem& problem, const Result& result, double tolerance, std::int64_t max_enumeration)
      : problem_(problem),
        result_(result),
        tolerance_(tolerance),
        max_enumeration_(max_enumeration),
        components_(find_components(problem.graph)) {}

  CertificateCheck run() {
    if (components_.component_of != result_.component_of) complain("component ids are not those of the graph");
    if (result_.components.size() != static_cast<std::size_t>(components_.count())) {
      complain("the component table has the wrong length");
      return check_;
    }
    check_.cost = cut_cost(problem_, result_.labels);
    if (!close_to(check_.cost, result_.cost)) complain("cost is claimed to be ", result_.cost, " but is ", check_.cost);

    check_bound();
    return check_;
  }

 private:
  using Scope = ProofPart;  // nodes and edges; its proof is looked at by prove(part)

  void check_bound() {
    const std::size_t n_labels = static_cast<std::size_t>(problem_.n_labels());
    if (result_.messages.size() != static_cast<std::size_t>(problem_.graph.n_edges()) * n_labels)
      return complain("messages have the wrong length");
    Scope everything;
    for (NodeId u = 0; u < problem_.n_nodes(); ++u) everything.nodes.push_back(u);
    for (EdgeId e = 0; e < problem_.graph.n_edges(); ++e) everything.edges.push_back(e);
    std::vector<double> costs(everything.nodes.size() * n_labels);
    for (const NodeId u : everything.nodes)
      label_costs(problem_, u, std::span(costs).subspan(static_cast<std::size_t>(u) * n_labels, n_labels));

    for (const ProofPart& part : result_.proofs)
      for (const NodeId u : part.nodes)
        if (u < 0 || u >= problem_.n_nodes() ||
            components_.component_of[static_cast<std::size_t>(u)] !=
                components_.component_of[static_cast<std::size_t>(std::max(part.nodes.front(), NodeId{0}))])
          return complain("a part of the proofs reaches over two components");

    // The same bound by component, to hold it against each claim.
    Sum bound;
    std::vector<Sum> by_component(static_cast<std::size_t>(components_.count()));
    const auto add = [&](NodeId u, double b) {
      by_component[static_cast<std::size_t>(components_.component_of[static_cast<std::size_t>(u)])] += b;
    };
    bound_of_messages(everything, costs, result_.messages, result_.proofs, add);

    for (ComponentId t = 0; t < components_.count(); ++t) {
      const ComponentReport& report = result_.components[static_cast<std::size_t>(t)];
      double proven = by_component[static_cast<std::size_t>(t)].value();
      if (report.stage == Stage::enumeration) proven = enumerated_bound(t);
      bound += proven;
      check_component(t, report, proven);
    }
    check_.lower_bound = bound.value();
    if (!(check_.lower_bound >= result_.lower_bound - tolerance_ * std::max(1.0, std::abs(result_.lower_bound))))
      complain("lower bound is claimed to be ", result_.lower_bound, " but only ", check_.lower_bound, " is proven");
  }

  // By trying all labellings again; without a bound where they are too many for that.
  double enumerated_bound(ComponentId t) {
    try {
      const PottsModel model = component_model(problem_, components_, t);
      return cost_of(model, brute_force(model, max_enumeration_, StopSignal(kInfinity)));
    } catch (const std::invalid_argument&) {
      complain("component ", t, ": too large to have been enumerated");
      return -kInfinity;
    }
  }

  void check_component(ComponentId t, const ComponentReport& report, double proven) {
    if (report.n_nodes != static_cast<NodeId>(components_.nodes_of(t).size()) ||
        report.n_edges != static_cast<EdgeId>(components_.edges_of(t).size()))
      complain("component ", t, ": its size in the table is wrong");
    if (result_.status == Status::optimal && report.status != Status::optimal)
      complain("component ", t, " is open but the whole is claimed optimal");
    Sum cost;
    for (const NodeId u : components_.nodes_of(t)) {
      std::vector<double> costs(static_cast<std::size_t>(problem_.n_labels()));
      label_costs(problem_, u, costs);
      cost += costs[static_cast<std::size_t>(result_.labels[static_cast<std::size_t>(u)])];
    }
    for (const EdgeId e : components_.edges_of(t)) {
      const auto [u, v] = problem_.graph.edges()[static_cast<std::size_t>(e)];
      if (result_.labels[static_cast<std::size_t>(u)] != result_.labels[static_cast<std::size_t>(v)])
        cost += problem_.graph.weights()[static_cast<std::size_t>(e)];
    }
    if (!close_to(cost.value(), report.cost))
      complain("component ", t, ": cost is claimed to be ", report.cost, " but is ", cost.value());
    if (!(proven >= report.lower_bound - tolerance_ * std::max(1.0, std::abs(report.lower_bound))))
      complain("component ", t, ": lower bound is claimed to be ", report.lower_bound, " but only ", proven,
               " is proven");
    if (report.status == Status::optimal &&
        report.cost - proven > 2 * tolerance_ * std::max(1.0, std::abs(report.cost)))
      complain("component ", t, ": claimed optimal at ", report.cost, " but only ", proven, " is proven");
  }

  // ---- proofs; `costs` are those of the scope's nodes, +infinity where a label is not left

  // What is refused counts as -infinity, and sums and differences of those are no numbers: they prove nothing either.
  double prove(const Scope& scope, const ProofNode& step, const std::vector<double>& costs,
               const std::vector<double>& inherited, std::span<const ProofCut> inherited_cuts) {
    for (std::size_t row = 0; row < scope.nodes.size(); ++row)
      if (smallest(costs, row) == kInfinity) return kInfinity;  // no labelling is left
    return at_least(bound_of_step(scope, step, costs, inherited, inherited_cuts));
  }
  static double at_least(double bound) { return std::isnan(bound) ? -kInfinity : bound; }

  double bound_of_step(const Scope& scope, const ProofNode& step, const std::vector<double>& costs,
                       const std::vector<double>& inherited, std::span<const ProofCut> inherited_cuts) {
    if (!step.messages.empty() && step.messages.size() != inherited.size())
      return reject("a proof has messages of the wrong length");
    const std::vector<double>& messages = step.messages.empty() ? inherited : step.messages;
    const std::span<const ProofCut> cuts =
        step.messages.empty() ? inherited_cuts : std::span<const ProofCut>(step.cuts);
    if (!are_valid(scope, cuts)) return reject("a cut of a proof is malformed");
    if (!cuts.empty() && !step.parts.empty()) return reject("a step of a proof has both cuts and parts");
    const std::size_t n_children = step.kind == ProofNode::Kind::bound      ? 0
                                   : step.kind == ProofNode::Kind::rule_out ? 1
                                                                            : 2;
    if (step.children.size() != n_children) return reject("a step of a proof has the wrong number of children");

    if (step.kind == ProofNode::Kind::bound) {
      Sum bound;
      bound += bound_of_cuts(cuts);
      bound_of_messages(scope, costs, messages, step.parts, [&](NodeId, double b) { bound += b; }, cuts);
      return bound.value();
    }
    if (step.kind == ProofNode::Kind::branch) {
      const std::size_t row = row_of(scope, step.node);
      if (row == kNone || step.label < 0 || step.label >= problem_.n_labels())
        return reject("a branching is malformed");
      std::vector<double> taken = costs;
      std::vector<double> dropped = costs;
      for (LabelId k = 0; k < problem_.n_labels(); ++k) (k == step.label ? dropped : taken)[at(row, k)] = kInfinity;
      return std::min(prove(scope, step.children[0], taken, messages, cuts),
                      prove(scope, step.children[1], dropped, messages, cuts));
    }
    // rule_out: the bound where u takes k differs from the bound of the messages in u's own term alone.
    std::vector<double> terms(scope.nodes.size(), 0.0);
    const std::vector<double> with_messages = add_messages(scope, costs, messages, {}, cuts);
    Sum bound;
    bound += bound_of_cuts(cuts);
    for (std::size_t row = 0; row < terms.size(); ++row) bound += terms[row] = smallest(with_messages, row);
    double least = kInfinity;
    std::vector<double> left = costs;
    for (const auto& [u, k] : step.ruled_out) {
      const std::size_t row = row_of(scope, u);
      if (row == kNone || k < 0 || k >= problem_.n_labels()) return reject("a ruled-out label is malformed");
      least = std::min(least, at_least(bound.value() - terms[row] + with_messages[at(row, k)]));
      left[at(row, k)] = kInfinity;
    }
    return std::min(least, prove(scope, step.children[0], left, messages, cuts));
  }

  // Calls add(u, b) with the terms of the bound: one per node outside all parts, one per part at its first node.
  template <class Add>
  void bound_of_messages(const Scope& scope, const std::vector<double>& costs, const std::vector<double>& messages,
                         const std::vector<ProofPart>& parts, Add add, std::span<const ProofCut> cuts = {}) {
    std::vector<char> in_part(scope.nodes.size(), 0);
    const std::vector<double> with_messages = add_messages(scope, costs, messages, {}, cuts);
    for (const ProofPart& part : parts) {
      if (part.nodes.empty() || part.proof.size() != 1 || !claim_rows(scope, part, in_part)) {
        complain("the parts of a proof are malformed");
        if (!scope.nodes.empty()) add(scope.nodes.front(), -kInfinity);
        return;
      }
      // Costs of the part: with the messages on all edges of the scope but its own.
      const std::vector<double> outside = add_messages(scope, costs, messages, part.edges);
      std::vector<double> own_costs;
      for (const NodeId u : part.nodes) {
        const auto first = outside.begin() + static_cast<std::ptrdiff_t>(at(row_of(scope, u), 0));
        own_costs.insert(own_costs.end(), first, first + problem_.n_labels());
      }
      std::vector<double> own_messages;
      for (const EdgeId e : part.edges) {
        const auto i = std::lower_bound(scope.edges.begin(), scope.edges.end(), e) - scope.edges.begin();
        const auto first = messages.begin() + i * problem_.n_labels();
        own_messages.insert(own_messages.end(), first, first + problem_.n_labels());
      }
      add(part.nodes.front(), prove(part, part.proof[0], own_costs, own_messages, {}));
    }
    for (std::size_t row = 0; row < scope.nodes.size(); ++row)
      if (in_part[row] == 0) add(scope.nodes[row], smallest(with_messages, row));
  }

  // Every cut runs along a cycle of the scope, names nodes of it, and has a multiplier >= 0.
  bool are_valid(const Scope& scope, std::span<const ProofCut> cuts) const {
    return std::all_of(cuts.begin(), cuts.end(), [&](const ProofCut& cut) {
      if (!(std::isfinite(cut.multiplier) && cut.multiplier >= 0) ||
          cut.named.size() != static_cast<std::size_t>(problem_.n_labels()) || cut.edges.size() < 3)
        return false;
      std::map<NodeId, std::vector<NodeId>> neighbours;
      for (const EdgeId e : cut.edges) {
        if (!std::binary_search(scope.edges.begin(), scope.edges.end(), e)) return false;
        const auto [u, v] = problem_.graph.edges()[static_cast<std::size_t>(e)];
        neighbours[u].push_back(v);
        neighbours[v].push_back(u);
      }
      // As many nodes as edges, two edges at each, and one walk around that meets all of them.
      for (const auto& [u, of_u] : neighbours)
        if (of_u.size() != 2 || of_u[0] == of_u[1]) return false;
      if (neighbours.size() != cut.edges.size()) return false;
      const NodeId start = neighbours.begin()->first;
      NodeId before = start;
      NodeId here = neighbours.at(start)[0];
      std::size_t met = 1;
      for (; here != start; ++met) {
        const auto& of_here = neighbours.at(here);
        const NodeId next = of_here[0] == before ? of_here[1] : of_here[0];
        before = std::exchange(here, next);
      }
      if (met != neighbours.size()) return false;
      return std::all_of(cut.named.begin(), cut.named.end(), [&](NodeId u) { return neighbours.contains(u); });
    });
  }

  static double bound_of_cuts(std::span<const ProofCut> cuts) {
    Sum bound;
    for (const ProofCut& cut : cuts) bound += 2 * cut.multiplier;
    return bound.value();
  }

  // Marks the part's nodes; false if one is taken or outside the scope, or an edge is not between them.
  bool claim_rows(const Scope& scope, const ProofPart& part, std::vector<char>& in_part) const {
    const auto ascend = [](const auto& ids) {
      return std::adjacent_find(ids.begin(), ids.end(), std::greater_equal<>()) == ids.end();
    };
    if (!ascend(part.nodes) || !ascend(part.edges)) return false;
    for (const NodeId u : part.nodes) {
      const std::size_t row = row_of(scope, u);
      if (row == kNone || in_part[row] != 0) return false;
      in_part[row] = 1;
    }
    return std::all_of(part.edges.begin(), part.edges.end(), [&](EdgeId e) {
      if (!std::binary_search(scope.edges.begin(), scope.edges.end(), e)) return false;
      const auto [u, v] = problem_.graph.edges()[static_cast<std::size_t>(e)];
      return row_of(part, u) != kNone && row_of(part, v) != kNone;
    });
  }

  // Costs plus messages on the scope's edges, but for those in `without` (ascending).
  std::vector<double> add_messages(const Scope& scope, std::vector<double> costs, const std::vector<double>& messages,
                                   std::span<const EdgeId> without, std::span<const ProofCut> cuts = {}) {
    std::map<EdgeId, double> taken;  // weight that the cuts leave no longer to the messages
    for (const ProofCut& cut : cuts) {
      for (const EdgeId e : cut.edges) taken[e] += cut.multiplier;
      for (LabelId k = 0; k < problem_.n_labels(); ++k)
        costs[at(row_of(scope, cut.named[static_cast<std::size_t>(k)]), k)] -= 2 * cut.multiplier;
    }
    // What rounding can have added, from the size and number of the terms of each node; taken off again at the end.
    std::vector<double> magnitude(costs.size(), 0.0);
    std::vector<double> terms(scope.nodes.size(), 2.0);
    for (std::size_t row = 0; row < scope.nodes.size(); ++row)
      for (LabelId k = 0; k < problem_.n_labels(); ++k)
        if (std::isfinite(costs[at(row, k)])) magnitude[at(row, k)] = std::abs(costs[at(row, k)]);
    for (std::size_t i = 0; i < scope.edges.size(); ++i) {
      const EdgeId e = scope.edges[i];
      if (std::binary_search(without.begin(), without.end(), e)) continue;
      const std::span<const double> y(&messages[i * static_cast<std::size_t>(problem_.n_labels())],
                                      static_cast<std::size_t>(problem_.n_labels()));
      const bool finite = std::all_of(y.begin(), y.end(), [](double m) { return std::isfinite(m); });
      const auto [least, most] = std::minmax_element(y.begin(), y.end());
      Weight w = problem_.graph.weights()[static_cast<std::size_t>(e)];
      const double slack = kRounding * w;
      if (const auto found = taken.find(e); found != taken.end()) w -= found->second;
      if (!finite || !(*most - *least <= w + slack)) {
        complain("messages of edge ", e, " spread by ", *most - *least, ", more than its weight ", w);
        std::fill(costs.begin(), costs.end(), -kInfinity);
        return costs;
      }
      const auto [u, v] = problem_.graph.edges()[static_cast<std::size_t>(e)];
      for (const NodeId end : {u, v}) {
        terms[row_of(scope, end)] += 1;
      }
      // The same for all labels is nothing; large, it would drown costs in rounding.
      for (LabelId k = 0; k < problem_.n_labels(); ++k) {
        const double message = y[static_cast<std::size_t>(k)] - *least;
        costs[at(row_of(scope, u), k)] += message;
        costs[at(row_of(scope, v), k)] -= message;
        magnitude[at(row_of(scope, u), k)] += message;
        magnitude[at(row_of(scope, v), k)] += message;
      }
    }
    for (std::size_t row = 0; row < scope.nodes.size(); ++row)
      for (LabelId k = 0; k < problem_.n_labels(); ++k)
        costs[at(row, k)] -= std::numeric_limits<double>::epsilon() * terms[row] * magnitude[at(row, k)];
    return costs;
  }

  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);
  static std::size_t row_of(const Scope& scope, NodeId u) {
    const auto found = std::lower_bound(scope.nodes.begin(), scope.nodes.end(), u);
    return found == scope.nodes.end() || *found != u ? kNone : static_cast<std::size_t>(found - scope.nodes.begin());
  }
  std::size_t at(std::size_t row, LabelId k) const {
    return row * static_cast<std::size_t>(problem_.n_labels()) + static_cast<std::size_t>(k);
  }
  double smallest(const std::vector<double>& costs, std::size_t row) const {
    const auto first = costs.begin() + static_cast<std::ptrdiff_t>(at(row, 0));
    return *std::min_element(first, first + problem_.n_labels());
  }
  double reject(const char* why) {
    complain(why);
    return -kInfinity;
  }

  bool close_to(double a, double b) const { return std::abs(a - b) <= tolerance_ * std::max(1.0, std::abs(a)); }

  template <class... Parts>
  void complain(const Parts&... parts) {
    std::ostringstream message;
    message.precision(12);
    (message << ... << parts);
    check_.problems.push_back(message.str());
  }

  const Problem& problem_;
  const Result& result_;
  double tolerance_;
  std::int64_t max_enumeration_;
  Components components_;
  CertificateCheck check_;
};

}  // namespace

CertificateCheck check_certificate(const Problem& problem, const Result& result, double tolerance,
                                   std::int64_t max_enumeration) {
  return Checker(problem, result, tolerance, max_enumeration).run();
}

}  // namespace liid_cut
