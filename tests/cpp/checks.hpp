// What the tests hold results against: the definition of the cost, written out, and plain enumeration.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "factories.hpp"
#include "liid_cut/result.hpp"
#include "liid_cut/verify.hpp"

namespace liid_cut::test {

inline constexpr double kTolerance = 1e-9;

inline bool may_take(const Instance& instance, std::size_t u, LabelId k) {
  return !instance.allowed || instance.allowed[u * instance.columns() + static_cast<std::size_t>(k)];
}

// The total weight of the terminal edges and graph edges that a labelling removes, edge by edge.
inline double removed_weight(const Instance& instance, std::span<const LabelId> labels) {
  double total = 0;
  for (std::size_t u = 0; u < instance.n(); ++u)
    for (std::size_t k = 0; k < instance.columns(); ++k)
      if (static_cast<LabelId>(k) != labels[u]) total += instance.probs[u * instance.columns() + k];
  for (std::size_t e = 0; e < instance.graph.edges().size(); ++e) {
    const auto [u, v] = instance.graph.edges()[e];
    if (labels[static_cast<std::size_t>(u)] != labels[static_cast<std::size_t>(v)])
      total += instance.graph.weights()[e];
  }
  return total;
}

struct Optimum {
  double cost = std::numeric_limits<double>::infinity();
  std::vector<LabelId> labels;
};

// The first cheapest labelling, by recursion over the nodes.
inline void enumerate(const Instance& instance, std::vector<LabelId>& labels, Optimum& best) {
  if (labels.size() == instance.n()) {
    if (const double cost = removed_weight(instance, labels); cost < best.cost) best = {cost, labels};
    return;
  }
  for (LabelId k = 0; k < instance.n_labels; ++k) {
    if (!may_take(instance, labels.size(), k)) continue;
    labels.push_back(k);
    enumerate(instance, labels, best);
    labels.pop_back();
  }
}
inline Optimum enumerate(const Instance& instance) {
  Optimum best;
  std::vector<LabelId> labels;
  enumerate(instance, labels, best);
  return best;
}

inline std::string joined(const std::vector<std::string>& problems) {
  std::string all;
  for (const std::string& problem : problems) all += problem + "\n";
  return all;
}

// A labelling that may be used, whose cost is as claimed, with a bound that the certificate proves.
inline void check_claims(const Instance& instance, const Result& result) {
  REQUIRE(result.labels.size() == instance.n());
  for (std::size_t u = 0; u < instance.n(); ++u) {
    REQUIRE(result.labels[u] >= 0);
    REQUIRE(result.labels[u] < instance.n_labels);
    CHECK(may_take(instance, u, result.labels[u]));
  }
  CHECK(result.cost == doctest::Approx(removed_weight(instance, result.labels)).epsilon(kTolerance));
  CHECK(result.lower_bound <= result.cost);
  const CertificateCheck check = check_certificate(instance.problem(), result);
  CHECK_MESSAGE(check.ok(), joined(check.problems));
  CHECK(check.lower_bound >= result.lower_bound - kTolerance * std::max(1.0, result.lower_bound));
}

}  // namespace liid_cut::test
