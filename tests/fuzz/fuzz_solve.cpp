// The solver without linear programs: every claim about tiny problems against all labellings and the certificate
// checker; on a share of the inputs the same bits again, by two threads, and the same optimum by another method.
#include <cstdlib>
#include <stdexcept>

#include "judge.hpp"
#include "liid_cut/solve.hpp"
#include "problem_bytes.hpp"
#include "same_bits.hpp"
#include "show.hpp"

namespace liid_cut::fuzz {
namespace {

constexpr std::int64_t kMostLabellings = 20000;

enum Count { kRefused, kJudged, kBruteForced, kWithGap, kWithProof, kLimited, kRepeated, kThreads };
constexpr const char* kNames[] = {"refused",          "judged",       "brute forced", "not closed by inspection",
                                  "with proof trees", "limit struck", "solved twice", "two threads"};
Tally tally(kNames);

bool may_be_limited(const Settings& settings) {
  return settings.time_limit_s < 1e9 || settings.debug_looks >= 0 || settings.max_memory_bytes != 0 ||
         settings.method == Method::quick;
}

bool too_many_labellings(const Case& input) {
  const std::int64_t most = input.settings.max_enumeration;
  const test::Instance instance = input.instance();
  return input.settings.method == Method::brute_force && Judge(instance).count_labellings(most) > most;
}

void check_again(const Case& input, const test::Instance& instance, const Result& result, std::uint64_t hash) {
  if (input.settings.time_limit_s < 1e9 || input.settings.max_memory_bytes != 0) return;
  Settings settings = input.settings;
  if (hash % 16 == 0) {
    require(test::same_bits(solve(instance.problem(), settings), result), "the same problem gives other bits");
    ++tally[kRepeated];
  }
  if (hash % 1024 == 1 && settings.debug_looks < 0) {
    settings.n_threads = 2;
    require(test::same_bits(solve(instance.problem(), settings), result), "two threads give other bits");
    ++tally[kThreads];
  }
}

void run(const std::uint8_t* data, std::size_t size) {
  Bytes bytes(data, size);
  const Case input = decode(bytes);
  if (std::getenv("LIID_FUZZ_SHOW") != nullptr) show(input);
  try {
    const test::Instance instance = input.instance();
    const Result result = solve(instance.problem(), input.settings);
    require(!input.invalid, "an invalid problem was not refused");
    const Judge judge(instance);
    std::optional<long double> optimum;
    require(judge.is_labelling(result.labels), "the labels are no labelling");
    if (judge.count_labellings(kMostLabellings) <= kMostLabellings) optimum = judge.optimum(judge.cost(result.labels));
    judge.check_claims(result, input.settings, optimum);
    require(result.status == Status::optimal || may_be_limited(input.settings),
            "not optimal, though nothing limits it");
    check_again(input, instance, result, hash_of(data, size));
    ++tally[kJudged];
    tally[kBruteForced] += optimum.has_value();
    tally[kLimited] += result.status != Status::optimal;
    tally[kWithProof] += !result.proofs.empty();
    tally[kWithGap] += std::any_of(result.components.begin(), result.components.end(),
                                   [](const ComponentReport& t) { return t.stage != Stage::inspection; });
  } catch (const std::invalid_argument& error) {
    if (!input.invalid && !input.may_be_refused && !too_many_labellings(input))
      fail(std::string("a valid problem was refused: ") + error.what());
    ++tally[kRefused];
  } catch (const MemoryEstimate&) {
    require(input.settings.max_memory_bytes != 0, "a memory estimate without a limit");
    ++tally[kLimited];
  }
}

}  // namespace
}  // namespace liid_cut::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  liid_cut::fuzz::run(data, size);
  return 0;
}
