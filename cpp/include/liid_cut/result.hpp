// What a solve returns: a labelling, a lower bound, and the certificate that proves it.
//
// Certificate. Let y[e, k] be one dual message for edge e = (u, v), u < v, and label k. For any y with
// max_k y[e, k] - min_k y[e, k] <= w(e), weak LP duality of the CKR relaxation gives
//
//   min over labellings of cost  >=  sum_u min_{k allowed at u} ( c[u,k] + sum_{e = (u,.)} y[e,k] - sum_{e = (.,u)}
//   y[e,k] )
//
// with c[u,k] = sum_j p[u,j] - p[u,k]. Where that bound does not reach the cost, a Proof divides the labellings of a
// part of the graph and bounds each share; see ProofNode.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "liid_cut/types.hpp"

namespace liid_cut {

enum class Status {
  optimal,
  time_limit,
  interrupted,
  size_limit,    // a component's LP has more entries than the LP solver can index
  memory_limit,  // an allocation failed inside a component
  unproven,      // the bound ended below the cost: the quick method, or rounding of weights many powers of ten apart
};
std::string_view name(Status status);

// The stage that closed a component.
enum class Stage {
  open,            // none did
  inspection,      // zero messages already prove the first labelling
  enumeration,     // brute force
  reduction,       // reductions left nothing
  dual_ascent,     // its bound equals the cost
  linear_program,  // the CKR LP's bound equals the cost
  branch_and_bound,
};
std::string_view name(Stage stage);

struct ProofPart;

// A valid inequality with its multiplier. On a cycle of edges, with one of its nodes named for every label k,
//
//   sum_{e in cycle} [ends of e differ]  +  2 sum_k [named[k] takes k]  >=  2
//
// holds for every labelling: if all nodes of the cycle take k, the one named for k does; else two edges are cut. Times
// the multiplier it is subtracted from the costs: messages on each edge then have that much less weight to spread by,
// the named node pays that much less for its label, twice, and the bound gains two multipliers.
struct ProofCut {
  std::vector<EdgeId> edges;  // of the cycle, in any order
  std::vector<NodeId> named;  // n_labels
  double multiplier = 0;
};

// One step of a proof about the labellings of a scope: some nodes, the edges between them, the costs that the nodes
// have there, and the labels that are left. `messages` (n_edges of the scope x n_labels) are dual messages on its
// edges; where they are empty, those of the nearest step above are used, and zero at the top.
struct ProofNode {
  enum class Kind : std::int8_t {
    bound,   // sum_u min_k of the costs with messages. Nodes of a part are bounded by that part's own proof instead; it
             // sees the messages on edges that leave it as costs.
    branch,  // the smaller of two bounds: children[0] where `node` takes `label`, children[1] where it does not
    rule_out,  // the smallest of: children[0], without the labels in ruled_out; and for each of these, the bound of the
               // messages where its node takes it
  };
  Kind kind = Kind::bound;
  std::vector<double> messages;
  std::vector<ProofCut> cuts;    // belong to the messages, and are taken over from above with them
  std::vector<ProofPart> parts;  // bound: disjoint node sets
  NodeId node = kNoNode;
  LabelId label = kNoLabel;
  std::vector<std::pair<NodeId, LabelId>> ruled_out;
  std::vector<ProofNode> children;
};

struct ProofPart {
  std::vector<NodeId> nodes;     // ascending
  std::vector<EdgeId> edges;     // ascending, both ends in nodes
  std::vector<ProofNode> proof;  // exactly one
};

struct ComponentReport {
  NodeId n_nodes = 0;
  EdgeId n_edges = 0;
  double cost = 0;
  double lower_bound = 0;
  Status status = Status::optimal;
  Stage stage = Stage::open;
  std::int64_t search_nodes = 0;  // LPs solved, and bounds of dual ascent below the root
};

struct Timings {  // wall-clock seconds by stage
  double components = 0;
  double inspection = 0;
  double cuts = 0;  // the LPs and searches of the components that inspection left open
  double total = 0;
};

struct Result {
  std::vector<LabelId> labels;  // n_nodes
  double cost = 0;
  double lower_bound = 0;
  Status status = Status::optimal;
  std::vector<ComponentId> component_of;    // n_nodes
  std::vector<ComponentReport> components;  // by component
  std::vector<double> messages;             // n_edges x n_labels, row-major
  std::vector<ProofPart> proofs;            // where the messages alone do not prove the bound; disjoint
  bool proofs_complete = true;              // false: some messages were left out at Settings::max_proof_bytes
  Timings timings;
};

}  // namespace liid_cut
