// Bytes to a multi-way cut problem with its settings: nearly every input is valid, some are spoilt in one known way.
//
// One to five nodes and one to four labels mostly, so that all labellings can be tried; some have more. Edges come in
// any order and direction, parallel ones too. Layout: kinds of weights, sizes, settings, edges, terminal weights,
// allowed labels.
#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "bytes.hpp"
#include "factories.hpp"
#include "liid_cut/settings.hpp"

namespace liid_cut::fuzz {

struct Case {
  NodeId n_nodes = 0;
  LabelId n_labels = 0;
  std::vector<Edge> edges;
  std::vector<Weight> weights;
  std::vector<double> probs;
  std::vector<bool> allowed;  // empty: every label
  Settings settings;
  bool invalid = false;         // must end in std::invalid_argument
  bool may_be_refused = false;  // may end in it: sums near the end of double's range

  // Throws where the graph is invalid.
  test::Instance instance() const {
    test::Instance made{Graph::from_edges(n_nodes, edges, weights), n_labels, probs};
    if (allowed.empty()) return made;
    made.allowed = std::make_shared<bool[]>(allowed.size());
    for (std::size_t i = 0; i < allowed.size(); ++i) made.allowed[i] = allowed[i];
    return made;
  }
};

// Breaks one rule of the input.
inline void spoil(Case& input, Bytes& bytes) {
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const std::array<double, 4> bad{kNan, kInfinity, -kInfinity, -1e-300};
  const auto any = [&](std::size_t size) { return bytes.next() % size; };
  input.invalid = true;
  switch (bytes.integer(0, 11)) {
    case 0: input.probs[any(input.probs.size())] = bad[any(4)]; return;
    case 1:
      if (input.edges.empty()) input.edges.push_back({0, 0});
      input.weights.resize(input.edges.size(), 1.0);
      input.weights[any(input.weights.size())] = bad[any(4)];
      return;
    case 2: input.weights.push_back(1); return;
    case 3: input.edges.push_back({0, input.n_nodes}); break;
    case 4: input.edges.push_back({-1, 0}); break;
    case 5: input.edges.push_back({input.n_nodes - 1, input.n_nodes - 1}); break;
    case 6: {
      input.allowed.resize(input.probs.size(), true);
      const auto row = any(static_cast<std::size_t>(input.n_nodes)) * static_cast<std::size_t>(input.n_labels);
      for (LabelId k = 0; k < input.n_labels; ++k) input.allowed[row + static_cast<std::size_t>(k)] = false;
      return;
    }
    case 7: input.settings.time_limit_s = std::array{0., -1., kNan, -kInfinity}[any(4)]; return;
    case 8: input.settings.n_threads = -1; return;
    case 9: input.settings.optimality_tolerance = std::array{-1e-300, kNan, -kInfinity}[any(3)]; return;
    case 10: input.settings.max_enumeration = -static_cast<std::int64_t>(bytes.next()); return;
    default:
      input.settings.debug_labels.assign(static_cast<std::size_t>(input.n_nodes) + any(2), input.n_labels);
      return;
  }
  input.weights.push_back(1);
}

// Half of the inputs have no limit that may strike.
inline void choose_settings(Case& input, Bytes& bytes) {
  Settings& settings = input.settings;
  settings.n_threads = 1;
  settings.max_enumeration = 1024;
  constexpr std::array kMethods{Method::automatic, Method::automatic, Method::quick, Method::brute_force};
  settings.method = kMethods[bytes.next() % kMethods.size()];
  const std::uint8_t limit = bytes.next();
  if (limit < 128) return;
  const double amount = bytes.next();
  switch (limit % 8) {
    case 0: settings.time_limit_s = 1e-9; return;
    case 1: settings.time_limit_s = 1e-6 * (1 + amount); return;
    case 2: settings.max_memory_bytes = static_cast<std::size_t>(64 * amount); return;
    case 3: settings.max_proof_bytes = static_cast<std::size_t>(32 * amount); return;
    case 4: settings.max_enumeration = 1 + static_cast<std::int64_t>(amount); return;
    case 5: settings.optimality_tolerance = std::array{1e-3, 1e-6, 1e-12, 1e300}[bytes.next() % 4]; return;
    case 6: settings.debug_looks = static_cast<std::int64_t>(amount); return;
    default: return;
  }
}

inline Case decode(Bytes& bytes) {
  Case input;
  const Weights terminal_kind = bytes.weight_kind();
  const Weights edge_kind = bytes.weight_kind();
  const std::uint8_t size = bytes.next();
  input.n_nodes = static_cast<NodeId>(size < 252 ? 1 + size % 5 : 6 + size % 3);
  const std::uint8_t labels = bytes.next();
  input.n_labels = static_cast<LabelId>(labels < 252 ? 1 + labels % 4 : 5 + labels % 3);
  choose_settings(input, bytes);
  const bool with_allowed = bytes.next() % 4 == 1;
  const bool spoilt = bytes.next() == 0xff;

  const int n_edges = input.n_nodes == 1 ? 0 : bytes.next() % std::min(3 * input.n_nodes, 14);
  for (int e = 0; e < n_edges; ++e) {
    const std::uint8_t ends = bytes.next();
    const NodeId u = ends % input.n_nodes;
    input.edges.push_back({u, (u + 1 + ends / input.n_nodes % (input.n_nodes - 1)) % input.n_nodes});
    input.weights.push_back(bytes.weight(edge_kind));
  }
  const auto n_probs = static_cast<std::size_t>(input.n_nodes) * static_cast<std::size_t>(input.n_labels);
  for (std::size_t i = 0; i < n_probs; ++i) input.probs.push_back(bytes.weight(terminal_kind));
  for (NodeId u = 0; with_allowed && u < input.n_nodes; ++u) {
    const int mask = bytes.next() % (1 << input.n_labels);
    for (LabelId k = 0; k < input.n_labels; ++k)
      input.allowed.push_back((mask >> k) % 2 == 1 || (mask == 0 && k == u % input.n_labels));
  }
  if (spoilt) spoil(input, bytes);

  long double everything = 0;
  for (const double x : input.probs) everything += x;
  for (const double x : input.weights) everything += x;
  input.may_be_refused = everything > .99L * std::numeric_limits<double>::max();
  return input;
}

}  // namespace liid_cut::fuzz
