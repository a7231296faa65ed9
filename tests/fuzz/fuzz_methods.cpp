// Every method on the same tiny problem, the linear programs too: one optimum, each proven; the same bits from two
// threads. Slow, since setting up a linear program takes longer than all else: few executions, each worth more.
//
// Problems are random, or have a gap between relaxation and optimum (tests/cpp/gaps.hpp), so that proofs branch, rule
// labels out, and use cycles.
#include "gaps.hpp"
#include "judge.hpp"
#include "liid_cut/relaxation.hpp"
#include "liid_cut/solve.hpp"
#include "problem_bytes.hpp"
#include "same_bits.hpp"
#include "show.hpp"

namespace liid_cut::fuzz {
namespace {

constexpr std::int64_t kMostLabellings = 40000;

enum Count { kRefused, kJudged, kBruteForced, kWithGap, kTrees, kRelaxations };
constexpr const char* kNames[] = {"refused",    "judged",           "brute forced",
                                  "with a gap", "with proof trees", "programs judged"};
Tally tally(kNames);

// The labelling as a point of the linear program: it keeps every row and bound, and its objective is the cost.
void check_relaxation(const test::Instance& instance, const Judge& judge, const std::vector<LabelId>& labels) {
  const LinearProgram lp = ckr_relaxation(instance.problem());
  std::vector<double> x(lp.column_cost.size(), 0.0);
  const std::size_t columns = instance.columns();
  for (std::size_t u = 0; u < labels.size(); ++u) {
    const auto column = lp.label_column[u * columns + static_cast<std::size_t>(labels[u])];
    require(column >= 0, "an allowed label has no column");
    x[static_cast<std::size_t>(column)] = 1;
  }
  for (std::size_t e = 0; e < instance.graph.edges().size(); ++e) {
    const auto [u, v] = instance.graph.edges()[e];
    const LabelId k = labels[static_cast<std::size_t>(u)];
    if (k == labels[static_cast<std::size_t>(v)]) continue;
    const auto column = lp.edge_column[e * columns + static_cast<std::size_t>(k)];
    if (column >= 0) x[static_cast<std::size_t>(column)] = 1;
  }
  long double objective = 0;
  for (std::size_t j = 0; j < x.size(); ++j) {
    objective += static_cast<long double>(lp.column_cost[j]) * x[j];
    require(lp.column_lower[j] <= x[j] && x[j] <= lp.column_upper[j], "a labelling violates a bound of the program");
  }
  for (std::size_t i = 0; i + 1 < lp.row_start.size(); ++i) {
    double row = 0;
    for (auto j = static_cast<std::size_t>(lp.row_start[i]); j < static_cast<std::size_t>(lp.row_start[i + 1]); ++j)
      row += lp.value[j] * x[static_cast<std::size_t>(lp.column_index[j])];
    require(lp.row_lower[i] <= row && row <= lp.row_upper[i], "a labelling violates a row of the program");
  }
  const long double cost = judge.cost(labels);
  require(std::abs(objective - cost) <= 1e-12L * std::max(1.0L, cost) + judge.rounding(), "another objective");
  ++tally[kRelaxations];
}

Result check_method(const test::Instance& instance, const Judge& judge, Settings settings, Method method,
                    std::optional<long double> optimum, bool threads) {
  settings.method = method;
  const Result result = solve(instance.problem(), settings);
  require(result.status == Status::optimal, "not optimal, though nothing limits it");
  judge.check_claims(result, settings, optimum);
  if (threads) {
    settings.n_threads = 2;
    require(test::same_bits(solve(instance.problem(), settings), result), "two threads give other bits");
  }
  return result;
}

void judge_all(const test::Instance& instance, Settings settings, std::uint64_t hash) {
  const Judge judge(instance);
  std::optional<long double> optimum;
  const bool small = judge.count_labellings(kMostLabellings) <= kMostLabellings;
  if (small) optimum = judge.optimum(std::numeric_limits<long double>::infinity());
  const Result result = check_method(instance, judge, settings, Method::automatic, optimum, hash % 8 == 0);
  const Result ckr = check_method(instance, judge, settings, Method::ckr, optimum, hash % 8 == 1);
  const long double gap = 2e-9L * std::max(1.0L, judge.cost(result.labels)) + judge.rounding();
  require(std::abs(judge.cost(result.labels) - judge.cost(ckr.labels)) <= gap, "the methods' optima differ");
  if (small && hash % 4 == 0) check_method(instance, judge, settings, Method::brute_force, optimum, false);
  check_relaxation(instance, judge, result.labels);
  ++tally[kJudged];
  tally[kBruteForced] += optimum.has_value();
  tally[kTrees] += !result.proofs.empty() || !ckr.proofs.empty();
  tally[kWithGap] += std::any_of(ckr.components.begin(), ckr.components.end(),
                                 [](const ComponentReport& t) { return t.stage == Stage::branch_and_bound; });
}

void run(const std::uint8_t* data, std::size_t size) {
  Bytes bytes(data, size);
  Settings settings;
  settings.n_threads = 1;
  settings.max_enumeration = kMostLabellings;
  if (bytes.next() % 2 == 0) {
    const std::uint64_t seed = (static_cast<std::uint64_t>(bytes.next()) << 8) + bytes.next();
    test::Instance instance = test::instance_with_gap(seed);
    while (!bytes.empty()) {  // some weights changed
      const std::uint8_t at = bytes.next();
      instance.probs[at % instance.probs.size()] = bytes.weight(Weights::quarters);
    }
    return judge_all(instance, settings, hash_of(data, size));
  }
  const Case input = decode(bytes);
  if (input.invalid || input.may_be_refused) {
    ++tally[kRefused];
    return;
  }
  if (std::getenv("LIID_FUZZ_SHOW") != nullptr) show(input);
  judge_all(input.instance(), settings, hash_of(data, size));
}

}  // namespace
}  // namespace liid_cut::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  liid_cut::fuzz::run(data, size);
  return 0;
}
