// Table of contents of liid_cut._core; the documented API is in python/liid_cut.
#include <pybind11/pybind11.h>

namespace liid_cut::python {
void bind_boxes(pybind11::module_& m);
void bind_graph(pybind11::module_& m);
void bind_memory(pybind11::module_& m);
void bind_neighbours(pybind11::module_& m);
void bind_relaxation(pybind11::module_& m);
void bind_solve(pybind11::module_& m);
}  // namespace liid_cut::python

PYBIND11_MODULE(_core, m) {
  m.doc() = "C++ core of liid_cut; private, see liid_cut for the documented API.";
  m.attr("__version__") = LIID_CUT_VERSION;
#ifdef LIID_HEAVY_ASSERTS
  m.attr("heavy_asserts") = true;
#else
  m.attr("heavy_asserts") = false;
#endif
  liid_cut::python::bind_boxes(m);
  liid_cut::python::bind_graph(m);
  liid_cut::python::bind_memory(m);
  liid_cut::python::bind_neighbours(m);
  liid_cut::python::bind_relaxation(m);
  liid_cut::python::bind_solve(m);
}
