// Estimates of memory, for those who divide a solve in parts; see liid_cut/memory.hpp.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "liid_cut/memory.hpp"

namespace liid_cut::python {

void bind_memory(pybind11::module_& m) {
  using pybind11::arg;
  m.def("memory_for_cuts", &memory_for_cuts, arg("n_nodes"), arg("n_edges"), arg("n_labels"), arg("max_bytes"));
  m.def("estimated_result_bytes", &estimated_result_bytes, arg("n_nodes"), arg("n_edges"), arg("n_labels"));
  m.def("estimated_cut_bytes", &estimated_cut_bytes, arg("n_nodes"), arg("n_edges"), arg("n_labels"));
  m.def(
      "affordable_threads",
      [](const std::vector<std::size_t>& needs, int n_threads, std::size_t bytes) {
        return affordable_threads(needs, n_threads, bytes);
      },
      arg("needs"), arg("n_threads"), arg("bytes"));
}

}  // namespace liid_cut::python
