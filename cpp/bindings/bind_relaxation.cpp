// The CKR linear program as arrays, for other LP solvers.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "liid_cut/relaxation.hpp"
#include "problem_arrays.hpp"

namespace liid_cut::python {
namespace {

py::dict ckr_program(const py::array& probs, const Array<NodeId>& edges, const Array<double>& weights,
                     const std::optional<Array<bool>>& allowed) {
  const ProblemArrays problem(probs, edges, weights, allowed);
  const LinearProgram lp = [&] {
    const py::gil_scoped_release release;
    return ckr_relaxation(*problem);
  }();
  py::dict out;
  out["column_cost"] = to_numpy(lp.column_cost);
  out["column_lower"] = to_numpy(lp.column_lower);
  out["column_upper"] = to_numpy(lp.column_upper);
  out["row_lower"] = to_numpy(lp.row_lower);
  out["row_upper"] = to_numpy(lp.row_upper);
  out["row_start"] = to_numpy(lp.row_start);
  out["column_index"] = to_numpy(lp.column_index);
  out["value"] = to_numpy(lp.value);
  out["label_column"] = to_numpy(lp.label_column);
  out["message_row"] = to_numpy(lp.message_row);
  return out;
}

}  // namespace

void bind_relaxation(py::module_& m) {
  using py::arg;
  m.def("ckr_relaxation", &ckr_program, arg("probs"), arg("edges").noconvert(), arg("weights").noconvert(),
        arg("allowed"));
}

}  // namespace liid_cut::python
