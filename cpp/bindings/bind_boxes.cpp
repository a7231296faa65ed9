// Suppression of boxes. The GIL is released around the work; the calling thread takes it back to see Ctrl-C.
#include <pybind11/stl.h>

#include <optional>

#include "arrays.hpp"
#include "liid_cut/nms.hpp"

namespace liid_cut::python {
namespace {

using Ids = std::optional<Array<std::int64_t>>;

py::array_t<std::int64_t> batched_nms(const py::array& boxes, const Array<double>& scores, const Ids& labels,
                                      const Ids& groups, double iou_threshold, int n_threads) {
  const auto ids = [](const Ids& given) { return given ? view(*given) : std::span<const std::int64_t>{}; };
  const NmsInput input{matrix_view(boxes), view(scores), ids(labels), ids(groups)};
  const auto rows = [&] {
    const py::gil_scoped_release release;
    return liid_cut::batched_nms(input, iou_threshold, n_threads, [] {
      const py::gil_scoped_acquire acquire;
      if (PyErr_CheckSignals() != 0) throw py::error_already_set();
    });
  }();
  return to_numpy(rows);
}

}  // namespace

void bind_boxes(py::module_& m) {
  using py::arg;
  m.def("batched_nms", &batched_nms, arg("boxes").noconvert(), arg("scores").noconvert(), arg("labels"), arg("groups"),
        arg("iou_threshold"), arg("n_threads"));
}

}  // namespace liid_cut::python
