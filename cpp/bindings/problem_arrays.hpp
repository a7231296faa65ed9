// The arrays of a problem as Python hands them over, and the core's Problem that looks at them.
#pragma once

#include <optional>

#include "arrays.hpp"
#include "liid_cut/problem.hpp"

namespace liid_cut::python {

class ProblemArrays {
 public:
  ProblemArrays(const py::array& probs, const Array<NodeId>& edges, const Array<double>& weights,
                const std::optional<Array<bool>>& allowed)
      : probs_(probs),
        allowed_(allowed),
        graph_(graph_from(static_cast<NodeId>(probs.shape(0)), edges, weights)),
        problem_{graph_, matrix_view(probs_), allowed_ ? view(*allowed_) : std::span<const bool>{}} {}
  ProblemArrays(const ProblemArrays&) = delete;

  const Problem& operator*() const { return problem_; }

 private:
  py::array probs_;
  std::optional<Array<bool>> allowed_;
  Graph graph_;
  Problem problem_;
};

}  // namespace liid_cut::python
