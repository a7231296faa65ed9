// Rule: a node u with one edge (u, v) of weight w leaves; label k of v then costs min(c[u,k], min_j c[u,j] + w) more.
//
// Why an optimum survives: that is u's best answer to label k of v, so minimising over v's labels still minimises over
// both (variable elimination; exact on trees, Pearl 1988). The answers spread by at most w, so they are a message.
#include "reduce/rules.hpp"

namespace liid_cut {

bool eliminate_leaf(ReducedModel& model, NodeId u) {
  if (model.arcs(u).size() != 1) return false;
  model.remove_leaf(u);
  return true;
}

}  // namespace liid_cut
