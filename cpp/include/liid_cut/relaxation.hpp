// The Calinescu-Karloff-Rabani relaxation (Eq. 11) as a plain linear program, for any LP solver.
//
//   minimise  sum_{u,k} c[u,k] x[u,k] + sum_{e,k} w(e) z[e,k]
//   subject to  sum_k x[u,k] = 1,   z[e,k] - x[u,k] + x[v,k] >= 0  (e = (u,v)),   x, z >= 0
//
// Both ends of an edge sum to 1, so the one-sided differences already add up to half of |x_u - x_v|_1: half of the
// rows of the textbook LP. Terminal edges are linear in x. A label that one end must not take needs neither z nor row.
#pragma once

#include <cstdint>
#include <vector>

#include "liid_cut/problem.hpp"

namespace liid_cut {

// Rows in compressed form; a missing column or row is -1.
struct LinearProgram {
  std::vector<double> column_cost, column_lower, column_upper;
  std::vector<double> row_lower, row_upper;
  std::vector<std::int32_t> row_start;  // n_rows + 1
  std::vector<std::int32_t> column_index;
  std::vector<double> value;
  std::vector<std::int32_t> label_column;  // n_nodes x n_labels: the column of x[u,k]
  std::vector<std::int32_t> edge_column;   // n_edges x n_labels: the column of z[e,k]
  std::vector<std::int32_t> message_row;   // n_edges x n_labels: the row of (e,k), whose dual is the message y[e,k]
};

// The relaxation of a whole problem. Throws std::length_error beyond 2^31 - 1 entries.
LinearProgram ckr_relaxation(const Problem& problem);

}  // namespace liid_cut
