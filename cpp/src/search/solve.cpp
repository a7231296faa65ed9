// The method, top to bottom; see liid_cut/solve.hpp.
//
//   components of the graph (Eq. 12)  ->  a first labelling and bound of each  ->  the cheapest cut of each that is
//   open (Eq. 11; stages.hpp), largest first, in parallel  ->  the union of their cuts (Eq. 13)
#include "liid_cut/solve.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <memory>
#include <mutex>
#include <new>
#include <numeric>
#include <sstream>
#include <stdexcept>
#include <string>

#include "liid_cut/memory.hpp"
#include "liid_cut/verify.hpp"
#include "search/parallel.hpp"
#include "search/stages.hpp"
#include "util/assert.hpp"
#include "util/stop.hpp"
#include "util/sum.hpp"
#include "verify/brute_force.hpp"

namespace liid_cut {
namespace {

// Inspecting a component takes microseconds, so they are handed out in bundles of about this many nodes.
constexpr std::size_t kNodesPerBundle = 4096;
// Costs and weights that a component's cut cannot pay are lowered to so many times the cost of its first labelling:
// enough to leave its bounds alone, and not so much that their rounding reaches the optimality tolerance.
constexpr double kTruncation = 1024;

class Solver {
 public:
  Solver(const Problem& problem, const Settings& settings, const ProgressCallback& progress)
      : problem_(problem),
        settings_(settings),
        progress_(progress),
        stop_(settings.time_limit_s, settings.debug_looks) {}

  Result run() {
    memory_for_cuts_ = memory_for_cuts(problem_.n_nodes(), static_cast<EdgeId>(problem_.graph.n_edges()),
                                       problem_.n_labels(), settings_.max_memory_bytes);
    find_component_structure();
    inspect_components();
    close_open_components();
    unite();
    LIID_HEAVY_ASSERT(certificate_problem().empty(), certificate_problem().c_str());
    return std::move(result_);
  }

 private:
  // ---- stages

  void find_component_structure() {
    components_ = find_components(problem_.graph);
    result_.labels.resize(static_cast<std::size_t>(problem_.n_nodes()));
    result_.components.resize(static_cast<std::size_t>(components_.count()));
    result_.messages.assign(static_cast<std::size_t>(problem_.graph.n_edges()) * n_labels(), 0.0);
    result_.timings.components = stop_.elapsed_s();
  }

  // Every node takes the label that is cheapest by itself. Where that cuts no edge of a component, it is optimal.
  // Always runs to its end, so that every node has a label whatever limit strikes later.
  void inspect_components() {
    const auto bundles = bundles_of_components();
    for_each(
        bundles.size() - 1, settings_.n_threads, [&] { return std::make_unique<std::vector<double>>(n_labels()); },
        [&](std::vector<double>& costs, std::size_t i) {
          for (ComponentId t = bundles[i]; t < bundles[i + 1]; ++t) inspect_component(t, costs);
        });
    result_.timings.inspection = stop_.elapsed_s() - result_.timings.components;
  }

  void close_open_components() {
    const std::vector<ComponentId> open = open_components_largest_first();
    done_ = components_.count() - static_cast<ComponentId>(open.size());
    std::vector<std::size_t> needs;
    for (const ComponentId t : open)
      if (bytes_to_cut(t) <= memory_for_cuts_) needs.push_back(bytes_to_cut(t));
    const int n_threads = affordable_threads(needs, resolve_threads(settings_.n_threads), memory_for_cuts_);
    for_each(
        open.size(), n_threads, [&] { return std::make_unique<SearchContext>(settings_, stop_); },
        [&](SearchContext& context, std::size_t i) { close(open[i], context); });
    result_.timings.cuts = stop_.elapsed_s() - result_.timings.components - result_.timings.inspection;
  }

  void unite() {
    Sum cost, bound;
    for (const ComponentReport& report : result_.components) {
      cost += report.cost;
      bound += report.lower_bound;
      if (report.status != Status::optimal && result_.status != Status::interrupted) result_.status = report.status;
    }
    result_.cost = cost.value();
    result_.lower_bound = std::min(bound.value(), result_.cost);
    std::sort(result_.proofs.begin(), result_.proofs.end(),
              [](const ProofPart& a, const ProofPart& b) { return a.nodes < b.nodes; });
    result_.component_of = std::move(components_.component_of);
    result_.timings.total = stop_.elapsed_s();
  }

  // ---- one component

  void inspect_component(ComponentId t, std::vector<double>& costs) {
    const auto nodes = components_.nodes_of(t);
    const auto edges = components_.edges_of(t);
    Sum bound, cost;
    for (const NodeId u : nodes) {
      label_costs(problem_, u, costs);
      const auto cheapest = std::min_element(costs.begin(), costs.end());
      label(u) = static_cast<LabelId>(cheapest - costs.begin());
      bound += *cheapest;
    }
    cost = bound;
    for (const EdgeId e : edges) {
      const auto [u, v] = problem_.graph.edges()[static_cast<std::size_t>(e)];
      if (label(u) != label(v)) cost += problem_.graph.weights()[static_cast<std::size_t>(e)];
    }
    ModelCut cut;
    cut.cost = cost.value();
    cut.lower_bound = bound.value();
    report(t, cut, may_close_by_inspection(t));
  }

  // Where memory runs out, or would, what inspection found stands.
  void close(ComponentId t, SearchContext& context) {
    try {
      if (bytes_to_cut(t) > memory_for_cuts_) throw std::bad_alloc();
      PottsModel model = component_model(problem_, components_, t);
      store(t, cut_truncated(model, context, debug_labels(t)));
    } catch (const std::bad_alloc&) {
      report(t).status = Status::memory_limit;
    }
    ++done_;
  }

  // Again where a much cheaper labelling lets larger weights be lowered more, unless all the rounding that they bring
  // leaves the component closed.
  ModelCut cut_truncated(PottsModel& model, SearchContext& context, const Labelling& known) {
    const auto most = [](const ModelCut& cut) { return kTruncation * std::max(1.0, cut.cost); };
    ModelCut best = inspect(model);
    truncate(model, most(best));
    for (ModelCut cut = best; !stop_.requested();) {
      const double before = best.cost;
      cut_component(model, context, known, cut);
      const double rounding = cut.messages.empty() && cut.proofs.empty() ? 0 : rounding_of_bounds(model);
      const bool again =
          !is_closed(cut.cost, cut.lower_bound - rounding) && cut.cost < 0.5 * before && truncate(model, most(cut));
      if (again || !is_closed(cut.cost, cut.lower_bound)) {
        cut.lower_bound -= rounding;
        if (best.lower_bound > cut.lower_bound) cut.take_bound(std::move(best));
      }
      best = std::move(cut);
      if (!again) return best;
      cut = inspect(model);
      cut.offer(model, best.labels);
      cut.search_nodes = best.search_nodes;
    }
    return best;  // out of time
  }

  void cut_component(const PottsModel& model, SearchContext& context, const Labelling& known, ModelCut& cut) {
    const double tolerance = 0.5 * settings_.optimality_tolerance * std::max(1.0, cut.lower_bound);
    switch (settings_.method) {
      case Method::automatic: cut_by_all_stages(model, tolerance, context, known, cut); return;
      case Method::quick: cut_quickly(model, tolerance, context, known, cut); return;
      case Method::ckr: cut_by_relaxation(model, tolerance, context, known, cut); return;
      case Method::brute_force: {
        Labelling cheapest = brute_force(model, settings_.max_enumeration, stop_);
        if (stop_.requested()) return cut.offer(model, std::move(cheapest));
        cut.labels = std::move(cheapest);
        cut.lower_bound = cut.cost = cost_of(model, cut.labels);
        cut.stage = Stage::enumeration;
      }
    }
  }

  bool is_closed(double cost, double bound) const {
    return cost - bound <= settings_.optimality_tolerance * std::max(1.0, std::abs(cost));
  }
  // A component counts as closed only by a stage that its method runs.
  bool may_close_by_inspection(ComponentId t) const {
    return settings_.method == Method::automatic || settings_.method == Method::quick ||
           components_.edges_of(t).empty();
  }

  void store(ComponentId t, ModelCut cut) {
    const auto nodes = components_.nodes_of(t);
    const auto edges = components_.edges_of(t);
    // First what may run out of memory: until then the component stands as inspection left it.
    if (!cut.proofs.empty() || !cut.proofs_complete) keep_proofs(t, cut);
    for (std::size_t i = 0; i < nodes.size(); ++i) label(nodes[i]) = cut.labels[i];
    if (!cut.messages.empty())
      for (std::size_t i = 0; i < edges.size(); ++i)
        std::copy_n(&cut.messages[i * n_labels()], n_labels(),
                    &result_.messages[static_cast<std::size_t>(edges[i]) * n_labels()]);
    report(t, cut, true);
  }

  void report(ComponentId t, const ModelCut& cut, bool may_close) {
    const bool closed = may_close && is_closed(cut.cost, cut.lower_bound);
    const Status why_open = cut.limit != Status::optimal ? cut.limit
                            : stop_.requested()          ? stop_.reason()
                                                         : Status::unproven;
    const ComponentReport before = report(t);
    report(t) = {static_cast<NodeId>(components_.nodes_of(t).size()),
                 static_cast<EdgeId>(components_.edges_of(t).size()),
                 cut.cost,
                 cut.lower_bound,
                 closed ? Status::optimal : why_open,
                 closed ? cut.stage : Stage::open,
                 cut.search_nodes};
    cost_ += cut.cost - before.cost;
    lower_bound_ += cut.lower_bound - before.lower_bound;
  }

  void keep_proofs(ComponentId t, ModelCut& cut) {
    const auto nodes = components_.nodes_of(t);
    const auto edges = components_.edges_of(t);
    const std::lock_guard lock(mutex_);
    std::vector<ProofPart>& all = result_.proofs;
    // All parts or none: a component keeps its first bound where memory runs out, which some of them would not prove.
    if (const std::size_t size = all.size() + cut.proofs.size(); size > all.capacity())
      all.reserve(std::max(size, 2 * all.capacity()));
    result_.proofs_complete = result_.proofs_complete && cut.proofs_complete;
    for (ProofPart& part : cut.proofs) {
      renumber(part, nodes, edges);
      all.push_back(std::move(part));
    }
  }

  // ---- helpers

  [[maybe_unused]] std::string certificate_problem() const {
    if (!result_.proofs_complete) return {};
    const auto check = check_certificate(problem_, result_, std::max(1e-9, settings_.optimality_tolerance));
    return check.ok() ? std::string{} : check.problems.front();
  }

  std::vector<ComponentId> bundles_of_components() const {
    std::vector<ComponentId> starts{0};
    for (ComponentId t = 0; t < components_.count(); ++t)
      if (components_.node_offsets[static_cast<std::size_t>(t) + 1] -
              components_.node_offsets[static_cast<std::size_t>(starts.back())] >=
          kNodesPerBundle)
        starts.push_back(t + 1);
    if (starts.back() != components_.count()) starts.push_back(components_.count());
    return starts;
  }

  std::vector<ComponentId> open_components_largest_first() {
    std::vector<ComponentId> open;
    for (ComponentId t = 0; t < components_.count(); ++t)
      if (report(t).stage == Stage::open) open.push_back(t);
    std::stable_sort(open.begin(), open.end(),
                     [&](ComponentId a, ComponentId b) { return report(a).n_edges > report(b).n_edges; });
    return open;
  }

  std::size_t bytes_to_cut(ComponentId t) const {
    return estimated_cut_bytes(static_cast<NodeId>(components_.nodes_of(t).size()),
                               static_cast<EdgeId>(components_.edges_of(t).size()), problem_.n_labels());
  }

  Labelling debug_labels(ComponentId t) const {
    Labelling labels;
    if (!settings_.debug_labels.empty())
      for (const NodeId u : components_.nodes_of(t))
        labels.push_back(settings_.debug_labels[static_cast<std::size_t>(u)]);
    return labels;
  }

  template <class MakeState, class Job>
  void for_each(std::size_t n_jobs, int n_threads, MakeState make_state, Job job) {
    if (progress_) return parallel_for(n_jobs, n_threads, make_state, job, [&] { watch(); });
    parallel_for(n_jobs, n_threads, make_state, job);
  }

  void watch() {
    try {
      if (!progress_({done_.load(), components_.count(), cost_.load(), lower_bound_.load()})) stop_.interrupt();
    } catch (...) {
      stop_.interrupt();
      throw;
    }
  }

  LabelId& label(NodeId u) { return result_.labels[static_cast<std::size_t>(u)]; }
  std::size_t n_labels() const { return static_cast<std::size_t>(problem_.n_labels()); }
  ComponentReport& report(ComponentId t) { return result_.components[static_cast<std::size_t>(t)]; }

  const Problem& problem_;
  const Settings& settings_;
  const ProgressCallback& progress_;
  StopSignal stop_;
  Components components_;
  Result result_;
  std::size_t memory_for_cuts_ = 0;
  std::mutex mutex_;
  std::atomic<ComponentId> done_{0};
  std::atomic<double> cost_{0};
  std::atomic<double> lower_bound_{0};
};

}  // namespace

void Settings::validate() const {
  const auto reject = [](const char* name, auto value, const char* allowed) {
    std::ostringstream message;
    message << name << " is " << value << "; " << allowed;
    throw std::invalid_argument(message.str());
  };
  if (!(time_limit_s > 0)) reject("time_limit", time_limit_s, "it must be a number of seconds > 0");
  if (n_threads < 0) reject("n_threads", n_threads, "it must be >= 0 (0: all cores)");
  if (!(optimality_tolerance >= 0)) reject("optimality_tolerance", optimality_tolerance, "it must be a number >= 0");
  if (max_enumeration < 1) reject("max_enumeration", max_enumeration, "it must be >= 1");
}

Result solve(const Problem& problem, const Settings& settings, const ProgressCallback& progress) {
  settings.validate();
  validate(problem);
  if (!settings.debug_labels.empty()) static_cast<void>(cut_cost(problem, settings.debug_labels));
  return Solver(problem, settings, progress).run();
}

std::string_view name(Status status) {
  switch (status) {
    case Status::optimal: return "optimal";
    case Status::time_limit: return "time_limit";
    case Status::interrupted: return "interrupted";
    case Status::size_limit: return "size_limit";
    case Status::memory_limit: return "memory_limit";
    case Status::unproven: return "unproven";
  }
  return "";
}

std::string_view name(Stage stage) {
  switch (stage) {
    case Stage::open: return "open";
    case Stage::inspection: return "inspection";
    case Stage::enumeration: return "enumeration";
    case Stage::reduction: return "reduction";
    case Stage::dual_ascent: return "dual_ascent";
    case Stage::linear_program: return "linear_program";
    case Stage::branch_and_bound: return "branch_and_bound";
  }
  return "";
}

}  // namespace liid_cut
