// Graphs and components.
#include <pybind11/pybind11.h>

#include "arrays.hpp"

namespace liid_cut::python {
namespace {

py::tuple canonical_edges(NodeId n_nodes, const Array<NodeId>& edges, const Array<double>& weights) {
  return edges_and_weights(graph_from(n_nodes, edges, weights));
}

py::tuple neighbour_edges(const Array<std::int64_t>& neighbours, const Array<double>& cosines, double delta,
                          bool mutual) {
  if (neighbours.ndim() != 2) throw std::invalid_argument("neighbours must have shape (n, k)");
  const auto n_nodes = static_cast<NodeId>(neighbours.shape(0));
  const auto n_neighbours = static_cast<int>(neighbours.shape(1));
  const Symmetrize symmetrize = mutual ? Symmetrize::mutual_neighbours : Symmetrize::any_neighbour;
  const Graph graph = [&] {
    const py::gil_scoped_release release;
    return neighbour_graph(n_nodes, n_neighbours, view(neighbours), view(cosines), delta, symmetrize);
  }();
  return edges_and_weights(graph);
}

py::array_t<ComponentId> component_ids(NodeId n_nodes, const Array<NodeId>& edges, const Array<double>& weights) {
  return to_numpy(find_components(graph_from(n_nodes, edges, weights)).component_of);
}

}  // namespace

void bind_graph(py::module_& m) {
  using py::arg;
  m.def("canonical_edges", &canonical_edges, arg("n_nodes"), arg("edges").noconvert(), arg("weights").noconvert());
  m.def("neighbour_edges", &neighbour_edges, arg("neighbours").noconvert(), arg("cosines").noconvert(), arg("delta"),
        arg("mutual"));
  m.def("component_ids", &component_ids, arg("n_nodes"), arg("edges").noconvert(), arg("weights").noconvert());
}

}  // namespace liid_cut::python
