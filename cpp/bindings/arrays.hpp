// NumPy arrays to the core's views and back. Callers have converted dtypes and checked shapes
// (python/liid_cut/inputs.py).
#pragma once

#include <pybind11/numpy.h>

#include <span>
#include <stdexcept>
#include <utility>
#include <vector>

#include "liid_cut/graph.hpp"
#include "liid_cut/matrix_view.hpp"

namespace liid_cut::python {

namespace py = pybind11;

template <class T>
using Array = py::array_t<T, py::array::c_style>;

inline MatrixView matrix_view(const py::array& a) {
  if (a.ndim() != 2 || a.dtype().kind() != 'f')
    throw std::invalid_argument("expected a matrix of floating-point numbers");
  ScalarType type;
  switch (a.itemsize()) {
    case 2: type = ScalarType::float16; break;
    case 4: type = ScalarType::float32; break;
    case 8: type = ScalarType::float64; break;
    default: throw std::invalid_argument("expected float16, float32 or float64");
  }
  return MatrixView(a.data(), type, static_cast<std::size_t>(a.shape(0)), static_cast<std::size_t>(a.shape(1)),
                    a.strides(0), a.strides(1));
}

template <class T>
std::span<const T> view(const Array<T>& a) {
  return {a.data(), static_cast<std::size_t>(a.size())};
}

// A new array that owns a copy of `values`, with the given shape.
template <class T>
py::array_t<T> to_numpy(std::span<const T> values, std::vector<py::ssize_t> shape) {
  py::array_t<T> out(std::move(shape));
  std::copy(values.begin(), values.end(), out.mutable_data());
  return out;
}
template <class T>
py::array_t<T> to_numpy(const std::vector<T>& values) {
  return to_numpy(std::span<const T>(values), {static_cast<py::ssize_t>(values.size())});
}

// An array that takes over `values`: what is large is never there twice.
template <class T>
py::array_t<T> adopt(std::vector<T>&& values, std::vector<py::ssize_t> shape) {
  auto* owned = new std::vector<T>(std::move(values));
  const py::capsule free(owned, [](void* p) { delete static_cast<std::vector<T>*>(p); });
  return py::array_t<T>(std::move(shape), owned->data(), free);
}

// edges (m, 2) and weights (m,) to a graph; sorting and checks are Graph::from_edges's.
inline Graph graph_from(NodeId n_nodes, const Array<NodeId>& edges, const Array<double>& weights) {
  if (edges.ndim() != 2 || edges.shape(1) != 2) throw std::invalid_argument("edges must have shape (m, 2)");
  std::vector<Edge> list(static_cast<std::size_t>(edges.shape(0)));
  for (std::size_t e = 0; e < list.size(); ++e) list[e] = {edges.data()[2 * e], edges.data()[2 * e + 1]};
  const auto w = view(weights);
  return Graph::from_edges(n_nodes, std::move(list), {w.begin(), w.end()});
}

inline py::tuple edges_and_weights(const Graph& graph) {
  py::array_t<NodeId> edges({static_cast<py::ssize_t>(graph.n_edges()), py::ssize_t{2}});
  NodeId* out = edges.mutable_data();
  for (const Edge& edge : graph.edges()) {
    *out++ = edge.u;
    *out++ = edge.v;
  }
  return py::make_tuple(edges, to_numpy(graph.weights(), {static_cast<py::ssize_t>(graph.n_edges())}));
}

}  // namespace liid_cut::python
