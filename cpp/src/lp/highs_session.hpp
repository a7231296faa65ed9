// One HiGHS object, reused for many CKR linear programs on one thread.
//
// Through HiGHS's C API: the vendored library is compiled with another C++ ABI than ours. One object per thread and
// threads = 1: parallelism is over components. A restricted LP (labels ruled out by branching) is solved from the last
// basis, by changing column bounds only.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "liid_cut/relaxation.hpp"
#include "problem/potts_model.hpp"
#include "util/stop.hpp"

namespace liid_cut {

enum class LpStatus { optimal, stopped, failed };

struct LpSolution {
  LpStatus status = LpStatus::failed;
  std::vector<double> x;         // n_nodes x n_labels; only if optimal
  std::vector<double> messages;  // n_edges x n_labels, feasible in the dual by construction; only if optimal
  std::vector<ProofCut> cuts;    // those of the session with a multiplier > 0, which belong to the messages
};

class HighsSession {
 public:
  explicit HighsSession(const StopSignal& stop);
  ~HighsSession();
  HighsSession(const HighsSession&) = delete;
  HighsSession& operator=(const HighsSession&) = delete;

  // `lp` and `model` must stay alive while solve() is called for them.
  void load(const PottsModel& model, const LinearProgram& lp);

  // Adds rows to the loaded LP; they hold for every labelling, so also under any restriction.
  void add_cuts(std::vector<ProofCut> cuts);

  // Solves the loaded LP with x[u,k] = 0 wherever unary[u,k] is +infinity.
  LpSolution solve(std::span<const double> unary);

 private:
  struct Api;
  std::unique_ptr<Api> api_;
};

}  // namespace liid_cut
