// Cosines of pairs, and lists of the most similar rows.
#include <pybind11/stl.h>

#include <memory>
#include <optional>

#include "arrays.hpp"
#include "liid_cut/similarity.hpp"
#include "liid_cut/top_lists.hpp"

namespace liid_cut::python {
namespace {

// The array stays alive as long as the rows that read it.
class Rows {
 public:
  Rows(py::array features, const std::optional<Array<std::int64_t>>& index)
      : features_(std::move(features)), rows_(cosine_rows(matrix_view(features_), index)) {}

  void measure(std::size_t begin, std::size_t end, bool with_fingerprints) {
    if (begin > end || end > rows_.n_rows()) throw std::invalid_argument("rows end after the last row");
    const py::gil_scoped_release release;
    rows_.measure(begin, end, with_fingerprints);
  }

  py::array_t<double> lengths() const { return to_numpy(rows_.lengths(), {static_cast<py::ssize_t>(rows_.n_rows())}); }

  py::array_t<std::uint64_t> fingerprints() const {
    return to_numpy(rows_.fingerprints(), {static_cast<py::ssize_t>(rows_.n_rows())});
  }

  template <class Real>
  void unit_rows(const Array<std::int64_t>& ids, Array<Real>& out) const {
    const std::span<Real> values(out.mutable_data(), static_cast<std::size_t>(out.size()));
    const auto rows = view(ids);
    const py::gil_scoped_release release;
    rows_.unit_rows(rows, values);
  }

  py::array_t<double> cosines(const Array<std::int64_t>& u, const Array<std::int64_t>& v) const {
    py::array_t<double> out(std::vector<py::ssize_t>(v.shape(), v.shape() + v.ndim()));
    const std::span<double> values(out.mutable_data(), static_cast<std::size_t>(out.size()));
    const py::gil_scoped_release release;
    rows_.cosines(view(u), view(v), values);
    return out;
  }

 private:
  static CosineRows cosine_rows(const MatrixView& matrix, const std::optional<Array<std::int64_t>>& index) {
    if (!index) return CosineRows(matrix);
    const auto rows = view(*index);
    return {matrix, {rows.begin(), rows.end()}};
  }

  py::array features_;
  CosineRows rows_;
};

RowGroups row_groups(const std::optional<Array<std::uint64_t>>& bits) {
  if (!bits) return {};
  if (bits->ndim() != 2) throw std::invalid_argument("groups must have shape (n, n_words)");
  const auto words = view(*bits);
  return {{words.begin(), words.end()}, static_cast<std::size_t>(bits->shape(1))};
}

Tile tile_of(const Array<float>& similarities, std::size_t a, std::size_t b) {
  if (similarities.ndim() != 2) throw std::invalid_argument("a tile must have two dimensions");
  return {view(similarities), a, static_cast<std::size_t>(similarities.shape(0)), b,
          static_cast<std::size_t>(similarities.shape(1))};
}

template <class Similarity>
void bind_top_lists(py::module_& m, const char* name) {
  using py::arg;
  using Lists = TopLists<Similarity>;
  py::class_<Lists> type(m, name);
  type.def(py::init<std::size_t, std::size_t, const RowGroups&>(), arg("n_rows"), arg("length"), arg("groups"),
           py::keep_alive<1, 4>());
  if constexpr (std::is_same_v<Similarity, float>) {
    type.def(
        "add_tile",
        [](Lists& lists, const Array<float>& similarities, std::size_t a, std::size_t b) {
          const Tile tile = tile_of(similarities, a, b);
          const py::gil_scoped_release release;
          lists.add(tile);
        },
        arg("similarities").noconvert(), arg("a"), arg("b"));
    type.def(
        "add_queries",
        [](Lists& lists, const Array<float>& similarities, const Array<std::int64_t>& queries, std::size_t b,
           std::optional<std::size_t> first) {
          const auto values = view(similarities);
          const auto rows = view(queries);
          const py::gil_scoped_release release;
          lists.add(values, rows, b, first);
        },
        arg("similarities").noconvert(), arg("queries").noconvert(), arg("b"), arg("first") = py::none());
  }
  type.def(
      "add",
      [](Lists& lists, const Array<std::int64_t>& u, const Array<std::int64_t>& v,
         const Array<Similarity>& similarities) {
        const py::gil_scoped_release release;
        lists.add(view(u), view(v), view(similarities));
      },
      arg("u").noconvert(), arg("v").noconvert(), arg("similarities").noconvert());
  const auto shape = [](const Lists& lists) {
    return std::vector<py::ssize_t>{static_cast<py::ssize_t>(lists.n_rows()), static_cast<py::ssize_t>(lists.length())};
  };
  type.def("arrays", [shape](const Lists& lists) {
    return py::make_tuple(to_numpy(lists.ids(), shape(lists)), to_numpy(lists.similarities(), shape(lists)));
  });
  type.def(
      "restore",
      [](Lists& lists, const Array<RowId>& ids, const Array<Similarity>& similarities) {
        lists.restore(view(similarities), view(ids));
      },
      arg("ids").noconvert(), arg("similarities").noconvert());
  type.def(
      "last", [](const Lists& lists, const Array<std::int64_t>& rows) { return to_numpy(lists.last(view(rows))); },
      arg("rows").noconvert());
}

py::tuple pairs(const Array<float>& similarities, std::size_t a, std::size_t b, const Array<float>& thresholds_a,
                const Array<float>& thresholds_b, const RowGroups& groups,
                const std::optional<std::array<Array<float>, 4>>& tail) {
  const Tile tile = tile_of(similarities, a, b);
  TailBound bound;
  if (tail) {
    const auto& [rest_a, tail_a, rest_b, tail_b] = *tail;
    if (rest_a.ndim() != 2 || rest_a.shape(1) < 1 || tail_a.ndim() != 2 || tail_b.ndim() != 2)
      throw std::invalid_argument("rests and tails must have two dimensions");
    bound = {static_cast<std::size_t>(rest_a.shape(1)) - 1,
             {view(rest_a), view(tail_a), static_cast<std::size_t>(tail_a.shape(1))},
             {view(rest_b), view(tail_b), static_cast<std::size_t>(tail_b.shape(1))}};
  }
  const auto least_a = view(thresholds_a);
  const auto least_b = view(thresholds_b);
  const RowPairs found = [&] {
    const py::gil_scoped_release release;
    return pairs_above(tile, least_a, least_b, bound, groups);
  }();
  return py::make_tuple(to_numpy(found.u), to_numpy(found.v));
}

}  // namespace

void bind_neighbours(py::module_& m) {
  using py::arg;
  py::class_<Rows>(m, "CosineRows")
      .def(py::init<py::array, const std::optional<Array<std::int64_t>>&>(), arg("features"),
           arg("index").noconvert() = py::none())
      .def("measure", &Rows::measure, arg("begin"), arg("end"), arg("with_fingerprints") = true)
      .def("lengths", &Rows::lengths)
      .def("fingerprints", &Rows::fingerprints)
      .def("unit_rows", &Rows::unit_rows<float>, arg("ids").noconvert(), arg("out").noconvert())
      .def("unit_rows", &Rows::unit_rows<double>, arg("ids").noconvert(), arg("out").noconvert())
      .def("cosines", &Rows::cosines, arg("u").noconvert(), arg("v").noconvert());
  py::class_<RowGroups>(m, "RowGroups").def(py::init(&row_groups), arg("bits").noconvert() = py::none());
  bind_top_lists<float>(m, "CandidateLists");
  bind_top_lists<double>(m, "NearestLists");
  m.def("pairs_above", &pairs, arg("similarities").noconvert(), arg("a"), arg("b"), arg("thresholds_a").noconvert(),
        arg("thresholds_b").noconvert(), arg("groups"), arg("tail") = py::none());
}

}  // namespace liid_cut::python
