// Rule: node u takes the label of its neighbour v when
//
//   w(u,v)  >=  weight of u's other edges  +  max_{k allowed at v} c[u,k] - min_k c[u,k]
//
// and u may take every label that v may.
//
// Why an optimum survives: in a labelling with x_u != x_v, moving u to x_v saves w(u,v); it costs at most the
// difference of u's own costs and its other edges. Why messages lift: u's costs with the messages of its other edges
// spread by no more than w(u,v) over v's labels, so one message on (u,v) carries all of them over to v.
#include <algorithm>
#include <cmath>
#include <limits>

#include "reduce/rules.hpp"

namespace liid_cut {
namespace {

// max over v's labels minus min over u's; +infinity where v has a label that u lacks.
double spread(std::span<const double> of_u, std::span<const double> of_v) {
  double largest = -std::numeric_limits<double>::infinity();
  double smallest = std::numeric_limits<double>::infinity();
  for (std::size_t k = 0; k < of_u.size(); ++k) {
    if (std::isfinite(of_v[k])) largest = std::max(largest, of_u[k]);
    smallest = std::min(smallest, of_u[k]);
  }
  return largest - smallest;
}

}  // namespace

bool contract_heavy_edge(ReducedModel& model, NodeId u) {
  const Weight degree = model.weighted_degree(u);
  const auto arcs = model.arcs(u);
  for (std::size_t i = 0; i < arcs.size(); ++i) {
    const Weight w = model.weight(arcs[i].edge);
    const Weight others = degree - w;
    if (w < others || w < others + spread(model.costs(u), model.costs(arcs[i].to))) continue;
    model.contract(u, i);
    return true;
  }
  return false;
}

}  // namespace liid_cut
