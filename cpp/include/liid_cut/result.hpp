// What a solve returns: a labelling, a lower bound, and the certificate that proves it.
//
// Certificate. Let y[e, k] be one dual message for edge e = (u, v), u < v, and label k. For any y with
// max_k y[e, k] - min_k y[e, k] <= w(e), weak LP duality of the CKR relaxation gives
//
//   min over labellings of cost  >=  sum_u min_{k allowed at u} ( c[u,k] + sum_{e = (u,.)} y[e,k] - sum_{e = (.,u)}
//   y[e,k] )
//
// with c[u,k] = sum_j p[u,j] - p[u,k]. Where that bound does not reach the cost, a ProofTree splits the labellings of
// the component, "u takes k" against "u does not take k", and gives messages for each leaf; the bound is the smallest
// leaf's.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "liid_cut/types.hpp"

namespace liid_cut {

enum class Status {
  optimal,
  time_limit,
  interrupted,
  size_limit,    // a component's LP has more entries than the LP solver can index
  memory_limit,  // an allocation failed inside a component
};
std::string_view name(Status status);

// The stage that closed a component.
enum class Stage {
  open,            // none did
  inspection,      // zero messages already prove the first labelling
  enumeration,     // brute force
  linear_program,  // the CKR LP's bound equals the cost
  branch_and_bound,
};
std::string_view name(Stage stage);

struct ProofNode {
  NodeId node = kNoNode;  // branching node, numbered in the whole problem; kNoNode at a leaf
  LabelId label = kNoLabel;
  std::int32_t take = -1;      // child in which `node` takes `label`
  std::int32_t drop = -1;      // child in which it does not
  std::int32_t messages = -1;  // leaf: index into ProofTree::messages; -1: Result::messages; unused where infeasible
};

struct ProofTree {
  ComponentId component = 0;
  std::vector<ProofNode> nodes;               // nodes[0] is the root
  std::vector<std::vector<double>> messages;  // each n_edges of the component x n_labels, edges as in Components
  bool complete = true;                       // false: some messages were dropped at max_proof_bytes
};

struct ComponentReport {
  NodeId n_nodes = 0;
  EdgeId n_edges = 0;
  double cost = 0;
  double lower_bound = 0;
  Status status = Status::optimal;
  Stage stage = Stage::open;
  std::int64_t search_nodes = 0;  // LPs solved by branch and bound
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
  std::vector<ProofTree> proofs;            // of the components that needed branch and bound, ascending
  Timings timings;
};

}  // namespace liid_cut
