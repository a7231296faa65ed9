// The stages of one component: which one closes it, and what is left at a limit.
#include "search/stages.hpp"

#include <doctest/doctest.h>

#include "gaps.hpp"
#include "models.hpp"

namespace liid_cut::test {
namespace {

using Stages = void (*)(const PottsModel&, double, SearchContext&, std::span<const LabelId>, ModelCut&);

ModelCut cut_with(Stages stages, const PottsModel& model, const StopSignal& stop, double tolerance = 5e-10,
                  std::span<const LabelId> debug_labels = {}) {
  const Settings settings;
  SearchContext context(settings, stop);
  ModelCut cut = inspect(model);
  stages(model, tolerance, context, debug_labels, cut);
  return cut;
}

ModelCut cut_with(Stages stages, const Instance& instance) {
  return cut_with(stages, model_of(instance), StopSignal(kInfinity));
}

}  // namespace

TEST_CASE("inspection gives the first labelling and the bound of zero messages") {
  const ModelCut single = inspect(model_of(make_instance(2, {.25, .75}, {}, {})));
  CHECK(single.stage == Stage::inspection);
  CHECK(single.labels == Labelling{1});
  CHECK(single.cost == .25);
  CHECK(single.lower_bound == .25);
  const ModelCut open = inspect(model_of(triangle()));
  CHECK(open.cost == kTriangleOptimum);
  CHECK(open.lower_bound == kTriangleZeroBound);
  CHECK(open.messages.empty());
}

TEST_CASE("nodes that agree are closed by inspection; the relaxation is solved all the same if asked for") {
  const Instance instance = make_instance(2, {0, 1, 0, 1}, {{0, 1}}, {1});
  CHECK(cut_with(cut_by_all_stages, instance).stage == Stage::inspection);
  const ModelCut cut = cut_with(cut_by_relaxation, instance);
  CHECK(cut.stage == Stage::linear_program);
  CHECK(cut.search_nodes == 1);
}

TEST_CASE("reductions close a tree, their messages being the proof") {
  const ModelCut cut = cut_with(cut_by_all_stages, path());
  CHECK(cut.stage == Stage::reduction);
  CHECK(cut.cost == doctest::Approx(1.3));
  CHECK(cut.lower_bound == doctest::Approx(1.3).epsilon(kTolerance));
  CHECK(cut.messages.size() == 6);
  CHECK(cut.proofs.empty());
  CHECK(cut.search_nodes == 0);
}

TEST_CASE("dual ascent closes what has no gap, without a linear program") {
  const PottsModel model = model_of(potts_grid(5, 3, 1));
  const ModelCut cut = cut_with(cut_by_all_stages, model, StopSignal(kInfinity));
  CHECK(cut.stage == Stage::dual_ascent);
  CHECK(cut.gap() <= kTolerance * cut.cost);
  CHECK(cut.search_nodes == 0);
}

TEST_CASE("a tight relaxation closes at the linear program, its messages being the proof") {
  const ModelCut cut = cut_with(cut_by_relaxation, path());
  CHECK(cut.stage == Stage::linear_program);
  CHECK(cut.limit == Status::optimal);
  CHECK(cut.cost == doctest::Approx(1.3));
  CHECK(cut.messages.size() == 6);
  CHECK(cut.proofs.empty());
  CHECK(cut.search_nodes == 1);
}

TEST_CASE("a gap is closed by a cycle's inequality or by branch and bound, the steps being the proof") {
  const auto check = [](const Instance& instance, Stage of_relaxation, double optimum) {
    for (const Stages stages : {cut_by_all_stages, cut_by_relaxation}) {
      const ModelCut cut = cut_with(stages, instance);
      CHECK(cut.stage == (stages == cut_by_all_stages ? Stage::branch_and_bound : of_relaxation));
      CHECK(cut.lower_bound == doctest::Approx(optimum).epsilon(kTolerance));
      CHECK(cut.proofs.size() == 1);
      CHECK(cut.search_nodes > 1);
    }
  };
  check(triangle(), Stage::linear_program, kTriangleOptimum);
  check(pentagon(), Stage::branch_and_bound, kPentagonOptimum);
}

TEST_CASE("every stage keeps a known optimum, and closes the gap") {
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    CAPTURE(seed);
    const PottsModel model = seed % 2 == 0 ? random_model(seed) : model_of(instance_with_gap(seed / 2));
    const Labelling known = cheapest_labelling(model);
    for (const Stages stages : {cut_by_all_stages, cut_by_relaxation}) {
      const ModelCut cut = cut_with(stages, model, StopSignal(kInfinity), 5e-10, known);
      CHECK(cut.cost == doctest::Approx(cost_of(model, known)).epsilon(kTolerance));
      CHECK(cost_of(model, cut.labels) == cut.cost);
      CHECK(cut.gap() <= 5e-10 + 1e-12);
      if (!cut.messages.empty()) check_feasible(model, cut.messages);
      if (cut.proofs.empty()) CHECK(dual_bound(model, model.unary, cut.messages) >= cut.lower_bound - kTolerance);
    }
  }
}

TEST_CASE("a gap within the tolerance is closed without branching") {
  const PottsModel model = model_of(triangle());
  const double tolerance = kTriangleOptimum - kTriangleLp + 1e-6;
  const ModelCut lp = cut_with(cut_by_relaxation, model, StopSignal(kInfinity), tolerance);
  CHECK(lp.stage == Stage::linear_program);
  CHECK(lp.lower_bound == doctest::Approx(kTriangleLp).epsilon(kTolerance));
  const ModelCut cut = cut_with(cut_by_all_stages, model, StopSignal(kInfinity), tolerance);
  CHECK(cut.stage < Stage::branch_and_bound);
  CHECK(cut.gap() <= tolerance);
}

TEST_CASE("at a limit the first labelling and its bound are left") {
  StopSignal interrupted(kInfinity);
  interrupted.interrupt();
  const StopSignal timed_out(0);
  const PottsModel model = model_of(triangle());
  for (const Stages stages : {cut_by_all_stages, cut_by_relaxation})
    for (const StopSignal* stop : {&timed_out, static_cast<const StopSignal*>(&interrupted)}) {
      const ModelCut cut = cut_with(stages, model, *stop);
      CHECK(cut.limit == Status::optimal);  // the stop signal says why
      CHECK(cut.labels.size() == 3);
      CHECK(cut.cost == kTriangleOptimum);
      CHECK(cut.lower_bound == kTriangleZeroBound);
    }
}

TEST_CASE("a model whose LP cannot be indexed is open with limit size_limit") {
  PottsModel model;
  model.n_nodes = 2;
  model.n_labels = std::numeric_limits<LabelId>::max();
  const Settings settings;
  const StopSignal never(kInfinity);
  SearchContext context(settings, never);
  ModelCut cut;
  cut.labels = {0, 0};
  cut.cost = 2;
  cut_by_relaxation(model, 0, context, {}, cut);
  CHECK(cut.limit == Status::size_limit);
  CHECK(cut.stage == Stage::inspection);
  CHECK(cut.lower_bound == 0);
}

}  // namespace liid_cut::test
