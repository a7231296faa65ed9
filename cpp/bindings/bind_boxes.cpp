// Suppression of boxes and masks. The GIL is released around the work; the calling thread takes it back to see Ctrl-C.
#include <pybind11/stl.h>

#include <optional>
#include <string_view>

#include "arrays.hpp"
#include "liid_cut/nms.hpp"

namespace liid_cut::python {
namespace {

using Ids = Array<std::int64_t>;

NmsRows nms_rows(const Array<double>& scores, const std::optional<Ids>& labels, const std::optional<Ids>& groups) {
  const auto ids = [](const std::optional<Ids>& given) {
    return given ? view(*given) : std::span<const std::int64_t>{};
  };
  return {view(scores), ids(labels), ids(groups)};
}

NmsSettings nms_settings(double iou_threshold, int n_threads) {
  return {iou_threshold, n_threads, [] {
            const py::gil_scoped_acquire acquire;
            if (PyErr_CheckSignals() != 0) throw py::error_already_set();
          }};
}

// One code after another in `codes`, the end of each, and (height, width) of each.
MaskCodes mask_codes(const py::bytes& codes, const Ids& ends, const Ids& sizes) {
  return {std::string_view(codes), view(ends), view(sizes)};
}

py::array_t<std::int64_t> batched_nms(const py::array& boxes, const Array<double>& scores,
                                      const std::optional<Ids>& labels, const std::optional<Ids>& groups,
                                      double iou_threshold, int n_threads) {
  const MatrixView matrix = matrix_view(boxes);
  const NmsRows rows = nms_rows(scores, labels, groups);
  const NmsSettings settings = nms_settings(iou_threshold, n_threads);
  const auto kept = [&] {
    const py::gil_scoped_release release;
    return liid_cut::batched_nms(matrix, rows, settings);
  }();
  return to_numpy(kept);
}

py::array_t<std::int64_t> batched_mask_nms(const py::bytes& codes, const Ids& ends, const Ids& sizes,
                                           const Array<double>& scores, const std::optional<Ids>& labels,
                                           const std::optional<Ids>& groups, double iou_threshold, int n_threads) {
  const MaskCodes masks = mask_codes(codes, ends, sizes);
  const NmsRows rows = nms_rows(scores, labels, groups);
  const NmsSettings settings = nms_settings(iou_threshold, n_threads);
  const auto kept = [&] {
    const py::gil_scoped_release release;
    return liid_cut::batched_mask_nms(masks, rows, settings);
  }();
  return to_numpy(kept);
}

py::array_t<std::int64_t> mask_areas(const py::bytes& codes, const Ids& ends, const Ids& sizes) {
  return to_numpy(liid_cut::mask_areas(mask_codes(codes, ends, sizes)));
}

}  // namespace

void bind_boxes(py::module_& m) {
  using py::arg;
  m.def("batched_nms", &batched_nms, arg("boxes").noconvert(), arg("scores").noconvert(), arg("labels"), arg("groups"),
        arg("iou_threshold"), arg("n_threads"));
  m.def("batched_mask_nms", &batched_mask_nms, arg("codes"), arg("ends").noconvert(), arg("sizes").noconvert(),
        arg("scores").noconvert(), arg("labels"), arg("groups"), arg("iou_threshold"), arg("n_threads"));
  m.def("mask_areas", &mask_areas, arg("codes"), arg("ends").noconvert(), arg("sizes").noconvert());
}

}  // namespace liid_cut::python
