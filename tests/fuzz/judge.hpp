// What results are held against: the cost by its definition and all labellings, in extended precision and without code
// of the solver; and the certificate checker.
//
// Rounding. Costs are sums of terms that carry the rounding of the largest weights: 1e-14 of the sum of all weights is
// allowed beside the promised 1e-9 of the cost.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "factories.hpp"
#include "liid_cut/result.hpp"
#include "liid_cut/settings.hpp"
#include "liid_cut/verify.hpp"
#include "tally.hpp"

namespace liid_cut::fuzz {

class Judge {
 public:
  explicit Judge(const test::Instance& instance)
      : instance_(instance), columns_(instance.columns()), costs_(instance.probs.size(), kForbidden) {
    total_ = 0;
    for (std::size_t u = 0; u < instance.n(); ++u) {
      const double* row = &instance.probs[u * columns_];
      for (std::size_t k = 0; k < columns_; ++k) {
        total_ += row[k];
        if (instance.allowed && !instance.allowed[u * columns_ + k]) continue;
        long double& cost = costs_[u * columns_ + k] = 0;
        for (std::size_t j = 0; j < columns_; ++j)
          if (j != k) cost += row[j];
      }
    }
    for (const Weight w : instance.graph.weights()) total_ += w;
  }

  bool is_labelling(const std::vector<LabelId>& labels) const {
    if (labels.size() != instance_.n()) return false;
    for (std::size_t u = 0; u < labels.size(); ++u)
      if (labels[u] < 0 || labels[u] >= instance_.n_labels || cost_of(u, labels[u]) == kForbidden) return false;
    return true;
  }

  long double cost(const std::vector<LabelId>& labels) const {
    long double sum = 0;
    for (std::size_t u = 0; u < labels.size(); ++u) sum += cost_of(u, labels[u]);
    for (std::size_t e = 0; e < instance_.graph.edges().size(); ++e) {
      const auto [u, v] = instance_.graph.edges()[e];
      if (labels[static_cast<std::size_t>(u)] != labels[static_cast<std::size_t>(v)])
        sum += instance_.graph.weights()[e];
    }
    return sum;
  }

  // The number of labellings, at most `most` + 1.
  std::int64_t count_labellings(std::int64_t most) const {
    std::int64_t count = 1;
    for (std::size_t u = 0; u < instance_.n() && count <= most; ++u)
      count *= std::count_if(&costs_[u * columns_], &costs_[u * columns_] + columns_,
                             [](long double c) { return c != kForbidden; });
    return std::min(count, most + 1);
  }

  // The cost of the cheapest of all labellings, or `best` where none is cheaper; a branch ends where the part of the
  // cost that is certain reaches the best.
  long double optimum(long double best) const {
    std::vector<LabelId> labels(instance_.n(), 0);
    extend(labels, 0, 0, best);
    return best;
  }

  long double rounding() const { return 1e-14L * total_; }

  // Whether what a result says is true, whatever limit struck.
  void check_claims(const Result& result, const Settings& settings, std::optional<long double> optimum) const {
    require(is_labelling(result.labels), "the labels are no labelling");
    const long double exact = cost(result.labels);
    const long double promise = 1e-9L * std::max(1.0L, exact) + rounding();
    if (!(std::abs(exact - result.cost) <= promise)) fail_by("the cost is claimed to be", result.cost, exact);
    require(result.lower_bound <= result.cost, "the bound lies above the cost");
    const CertificateCheck check =
        check_certificate(instance_.problem(), result, std::max(1e-9, settings.optimality_tolerance));
    if (result.proofs_complete && !check.ok()) fail(check.problems.front());
    if (!(check.lower_bound <= exact + promise)) fail_by("a bound above the cost is proven", check.lower_bound, exact);
    const long double allowed_gap = settings.optimality_tolerance * std::max(1.0L, exact);
    if (result.status == Status::optimal && !(result.cost - result.lower_bound <= allowed_gap + rounding()))
      fail_by("claimed optimal, with a gap", result.cost, result.lower_bound);
    if (!optimum) return;
    if (!(result.lower_bound <= *optimum + promise)) fail_by("the bound is wrong", result.lower_bound, *optimum);
    if (!(check.lower_bound <= *optimum + promise)) fail_by("the proven bound is wrong", check.lower_bound, *optimum);
    if (result.status == Status::optimal && !(exact <= *optimum + allowed_gap + promise))
      fail_by("claimed optimal at", exact, *optimum);
  }

 private:
  static constexpr long double kForbidden = std::numeric_limits<long double>::infinity();

  long double cost_of(std::size_t u, LabelId k) const { return costs_[u * columns_ + static_cast<std::size_t>(k)]; }

  void extend(std::vector<LabelId>& labels, std::size_t u, long double cost, long double& best) const {
    if (cost >= best) return;
    if (u == labels.size()) {
      best = cost;
      return;
    }
    for (LabelId k = 0; k < instance_.n_labels; ++k) {
      labels[u] = k;
      extend(labels, u + 1, cost + cost_of(u, k) + cut_before(labels, u), best);
    }
  }

  // Of the edges from u to nodes before it; edges are sorted by their lower end, so all are looked at.
  long double cut_before(const std::vector<LabelId>& labels, std::size_t u) const {
    long double sum = 0;
    const auto edges = instance_.graph.edges();
    for (std::size_t e = 0; e < edges.size(); ++e)
      if (static_cast<std::size_t>(edges[e].v) == u && labels[static_cast<std::size_t>(edges[e].u)] != labels[u])
        sum += instance_.graph.weights()[e];
    return sum;
  }

  [[noreturn]] static void fail_by(const char* what, long double claimed, long double found) {
    std::ostringstream message;
    message.precision(20);
    message << what << ' ' << claimed << ", held against " << found;
    fail(message.str());
  }

  const test::Instance& instance_;
  std::size_t columns_;
  std::vector<long double> costs_;
  long double total_;
};

}  // namespace liid_cut::fuzz
