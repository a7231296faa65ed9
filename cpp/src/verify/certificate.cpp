// The certificate checker; see liid_cut/verify.hpp. Shares no bound computation with the solver's search.
#include "liid_cut/verify.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>

#include "bound/dual_bound.hpp"
#include "util/sum.hpp"

namespace liid_cut {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

class Checker {
 public:
  Checker(const Problem& problem, const Result& result, double tolerance)
      : problem_(problem), result_(result), tolerance_(tolerance), components_(find_components(problem.graph)) {}

  CertificateCheck run() {
    if (components_.component_of != result_.component_of) complain("component ids are not those of the graph");
    if (result_.components.size() != static_cast<std::size_t>(components_.count())) {
      complain("the component table has the wrong length");
      return check_;
    }
    check_.cost = cut_cost(problem_, result_.labels);
    if (!close_to(check_.cost, result_.cost)) complain("cost is claimed to be ", result_.cost, " but is ", check_.cost);

    Sum bound;
    auto proof = result_.proofs.begin();
    for (ComponentId t = 0; t < components_.count(); ++t) {
      const bool has_proof = proof != result_.proofs.end() && proof->component == t;
      bound += check_component(t, has_proof ? &*proof : nullptr);
      if (has_proof) ++proof;
    }
    check_.lower_bound = bound.value();
    return check_;
  }

 private:
  double check_component(ComponentId t, const ProofTree* proof) {
    const ComponentReport& report = result_.components[static_cast<std::size_t>(t)];
    const PottsModel model = component_model(problem_, components_, t);
    Labelling labels;
    for (const NodeId u : components_.nodes_of(t)) labels.push_back(result_.labels[static_cast<std::size_t>(u)]);
    if (const double cost = cost_of(model, labels); !close_to(cost, report.cost))
      complain("component ", t, ": cost is claimed to be ", report.cost, " but is ", cost);
    if (report.stage == Stage::enumeration) return report.lower_bound;

    std::vector<double> messages;
    for (const EdgeId e : components_.edges_of(t)) {
      const auto first = result_.messages.begin() + static_cast<std::ptrdiff_t>(e) * problem_.n_labels();
      messages.insert(messages.end(), first, first + problem_.n_labels());
    }
    const double bound =
        proof == nullptr ? leaf_bound(t, model, model.unary, messages) : tree_bound(t, model, *proof, messages);
    if (bound < report.lower_bound - tolerance_ * std::max(1.0, std::abs(report.lower_bound)))
      complain("component ", t, ": lower bound is claimed to be ", report.lower_bound, " but only ", bound,
               " is proven");
    if (report.status == Status::optimal && report.cost - bound > 2 * tolerance_ * std::max(1.0, std::abs(report.cost)))
      complain("component ", t, ": claimed optimal at ", report.cost, " but only ", bound, " is proven");
    return bound;
  }

  double leaf_bound(ComponentId t, const PottsModel& model, std::span<const double> unary,
                    std::span<const double> messages) {
    for (std::size_t e = 0; e < model.n_edges(); ++e) {
      const auto row = messages.subspan(e * model.columns(), model.columns());
      const auto [least, most] = std::minmax_element(row.begin(), row.end());
      if (!(*most - *least <= model.weights[e] * (1 + 1e-12))) {
        complain("component ", t, ": messages of its edge ", e, " spread by ", *most - *least,
                 ", more than its weight ", model.weights[e]);
        return -kInfinity;
      }
    }
    return dual_bound(model, unary, messages);
  }

  double tree_bound(ComponentId t, const PottsModel& model, const ProofTree& proof, std::span<const double> messages) {
    const auto nodes = components_.nodes_of(t);
    double bound = kInfinity;
    std::size_t visited = 0;
    std::vector<std::pair<std::int32_t, std::vector<double>>> stack;
    stack.emplace_back(0, model.unary);
    while (!stack.empty()) {
      auto [id, unary] = std::move(stack.back());
      stack.pop_back();
      if (++visited > proof.nodes.size()) {
        complain("component ", t, ": the proof tree is no tree");
        return -kInfinity;
      }
      const ProofNode& node = proof.nodes[static_cast<std::size_t>(id)];
      if (node.node == kNoNode) {
        const std::span<const double> own =
            node.messages < 0 ? messages
                              : std::span<const double>(proof.messages[static_cast<std::size_t>(node.messages)]);
        bound = std::min(bound, leaf_bound(t, model, unary, own));
        continue;
      }
      const auto u = static_cast<NodeId>(std::lower_bound(nodes.begin(), nodes.end(), node.node) - nodes.begin());
      auto taken = unary;
      for (LabelId k = 0; k < model.n_labels; ++k) (k == node.label ? unary : taken)[model.index(u, k)] = kInfinity;
      stack.emplace_back(node.drop, std::move(unary));
      stack.emplace_back(node.take, std::move(taken));
    }
    return bound;
  }

  bool close_to(double a, double b) const { return std::abs(a - b) <= tolerance_ * std::max(1.0, std::abs(a)); }

  template <class... Parts>
  void complain(const Parts&... parts) {
    std::ostringstream message;
    message.precision(17);
    (message << ... << parts);
    check_.problems.push_back(message.str());
  }

  const Problem& problem_;
  const Result& result_;
  double tolerance_;
  Components components_;
  CertificateCheck check_;
};

}  // namespace

CertificateCheck check_certificate(const Problem& problem, const Result& result, double tolerance) {
  return Checker(problem, result, tolerance).run();
}

}  // namespace liid_cut
