// The solve call. The GIL is held for conversions and released once around the solve; the calling thread takes it back
// some 20 times a second to look for Ctrl-C and to report progress.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <exception>

#include "liid_cut/solve.hpp"
#include "problem_arrays.hpp"

namespace liid_cut::python {
namespace {

Method method_named(const std::string& method) {
  if (method == "auto") return Method::automatic;
  if (method == "quick") return Method::quick;
  if (method == "ckr") return Method::ckr;
  if (method == "brute_force") return Method::brute_force;
  throw std::invalid_argument("method is '" + method + "'; it must be 'auto', 'quick', 'ckr' or 'brute_force'");
}

// Ctrl-C is a limit like any other and only stops the solve. Anything else that a signal handler or the user's
// progress function raises stops it too, and is raised again once the threads have ended.
class Watcher {
 public:
  explicit Watcher(py::object progress) : progress_(std::move(progress)) {}

  bool operator()(const Progress& p) {
    const py::gil_scoped_acquire acquire;
    try {
      if (PyErr_CheckSignals() != 0) throw py::error_already_set();
      if (!progress_.is_none()) progress_(p.components_done, p.n_components, p.cost, p.lower_bound);
      return true;
    } catch (py::error_already_set& error) {
      if (!error.matches(PyExc_KeyboardInterrupt)) failure_ = std::current_exception();
      return false;
    }
  }
  void rethrow() const {
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  py::object progress_;
  std::exception_ptr failure_;
};

// One column of the component table.
template <class T, class Get>
py::array_t<T> column(const std::vector<ComponentReport>& reports, Get get) {
  py::array_t<T> out(static_cast<py::ssize_t>(reports.size()));
  T* next = out.mutable_data();
  for (const ComponentReport& report : reports) *next++ = static_cast<T>(get(report));
  return out;
}

py::dict component_table(const std::vector<ComponentReport>& reports) {
  py::dict table;
  table["size"] = column<std::int64_t>(reports, [](const auto& r) { return r.n_nodes; });
  table["edges"] = column<std::int64_t>(reports, [](const auto& r) { return r.n_edges; });
  table["cost"] = column<double>(reports, [](const auto& r) { return r.cost; });
  table["lower_bound"] = column<double>(reports, [](const auto& r) { return r.lower_bound; });
  table["status"] = column<std::int8_t>(reports, [](const auto& r) { return r.status; });
  table["stage"] = column<std::int8_t>(reports, [](const auto& r) { return r.stage; });
  table["search_nodes"] = column<std::int64_t>(reports, [](const auto& r) { return r.search_nodes; });
  return table;
}

py::dict proof_part(const ProofPart& part, LabelId n_labels);

// Nested dictionaries, as liid_cut.verify walks them; see ProofNode.
py::dict proof_step(const ProofNode& step, py::ssize_t n_edges, LabelId n_labels) {
  constexpr const char* kinds[] = {"bound", "branch", "rule_out"};
  py::dict out;
  out["kind"] = kinds[static_cast<int>(step.kind)];
  out["messages"] = step.messages.empty() ? py::object(py::none())
                                          : to_numpy(std::span<const double>(step.messages), {n_edges, n_labels});
  if (!step.cuts.empty()) {
    py::list cuts;
    for (const ProofCut& cut : step.cuts) {
      py::dict entry;
      entry["edges"] = to_numpy(cut.edges);
      entry["named"] = to_numpy(cut.named);
      entry["multiplier"] = cut.multiplier;
      cuts.append(entry);
    }
    out["cuts"] = cuts;
  }
  if (step.kind == ProofNode::Kind::bound) {
    py::list parts;
    for (const ProofPart& part : step.parts) parts.append(proof_part(part, n_labels));
    out["parts"] = parts;
  } else if (step.kind == ProofNode::Kind::branch) {
    out["node"] = step.node;
    out["label"] = step.label;
  } else {
    std::vector<std::int32_t> ruled_out;
    for (const auto& [u, k] : step.ruled_out) ruled_out.insert(ruled_out.end(), {u, k});
    out["ruled_out"] = to_numpy(std::span<const std::int32_t>(ruled_out),
                                {static_cast<py::ssize_t>(step.ruled_out.size()), py::ssize_t{2}});
  }
  py::list children;
  for (const ProofNode& child : step.children) children.append(proof_step(child, n_edges, n_labels));
  out["children"] = children;
  return out;
}

py::dict proof_part(const ProofPart& part, LabelId n_labels) {
  py::dict out;
  out["nodes"] = to_numpy(part.nodes);
  out["edges"] = to_numpy(part.edges);
  out["proof"] = proof_step(part.proof.at(0), static_cast<py::ssize_t>(part.edges.size()), n_labels);
  return out;
}

py::dict to_python(Result result, const Problem& problem) {
  py::dict out;
  const auto n_nodes = static_cast<py::ssize_t>(problem.n_nodes());
  out["labels"] = adopt(std::move(result.labels), {n_nodes});
  out["cost"] = result.cost;
  out["lower_bound"] = result.lower_bound;
  out["status"] = std::string(name(result.status));
  out["component_ids"] = adopt(std::move(result.component_of), {n_nodes});
  out["components"] = component_table(result.components);
  out["messages"] = adopt(std::move(result.messages),
                          {static_cast<py::ssize_t>(problem.graph.n_edges()), py::ssize_t{problem.n_labels()}});
  py::list proofs;
  for (const ProofPart& part : result.proofs) proofs.append(proof_part(part, problem.n_labels()));
  out["proofs"] = proofs;
  out["proofs_complete"] = result.proofs_complete;
  py::dict timings;
  timings["components"] = result.timings.components;
  timings["inspection"] = result.timings.inspection;
  timings["cuts"] = result.timings.cuts;
  out["timings"] = timings;
  return out;
}

py::dict solve_arrays(const py::array& probs, const Array<NodeId>& edges, const Array<double>& weights,
                      const std::optional<Array<bool>>& allowed, const std::string& method, double time_limit_s,
                      int n_threads, const py::object& progress, std::size_t max_memory,
                      const std::vector<LabelId>& debug_labels) {
  const ProblemArrays problem(probs, edges, weights, allowed);
  Settings settings;
  settings.method = method_named(method);
  settings.time_limit_s = time_limit_s;
  settings.n_threads = n_threads;
  settings.max_memory_bytes = max_memory;
  settings.debug_labels = debug_labels;
  Watcher watcher(progress);
  Result result = [&] {
    const py::gil_scoped_release release;
    return solve(*problem, settings, std::ref(watcher));
  }();
  watcher.rethrow();
  return to_python(std::move(result), *problem);
}

template <class Enum>
py::list names(Enum last) {
  py::list out;
  for (int i = 0; i <= static_cast<int>(last); ++i) out.append(std::string(name(static_cast<Enum>(i))));
  return out;
}

}  // namespace

void bind_solve(py::module_& m) {
  using py::arg;
  m.attr("STATUSES") = py::tuple(names(Status::unproven));
  m.attr("STAGES") = py::tuple(names(Stage::branch_and_bound));
  m.def(
      "check_probs",
      [](const py::array& probs, bool allow_zero_rows) {
        validate_terminal_weights(matrix_view(probs), allow_zero_rows);
      },
      arg("probs"), arg("allow_zero_rows"));
  m.def("solve", &solve_arrays, arg("probs"), arg("edges").noconvert(), arg("weights").noconvert(), arg("allowed"),
        arg("method"), arg("time_limit_s"), arg("n_threads"), arg("progress"), arg("max_memory") = std::size_t{0},
        arg("debug_labels") = std::vector<LabelId>{});
}

}  // namespace liid_cut::python
