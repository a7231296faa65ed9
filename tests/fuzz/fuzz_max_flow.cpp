// Maximum flows on tiny graphs: the checker of flows, Edmonds and Karp's value, and where sums do not round the same
// minimal source set.
#include <cstdint>

#include "bytes.hpp"
#include "flow/max_flow.hpp"
#include "slow_max_flow.hpp"
#include "tally.hpp"

namespace liid_cut::fuzz {
namespace {

enum Count { kJudged, kFlows, kExact };
constexpr const char* kNames[] = {"judged", "with a flow", "source sets compared"};
Tally tally(kNames);

void run(const std::uint8_t* data, std::size_t size) {
  static MaxFlow flow;  // the memory of other graphs must not matter
  Bytes bytes(data, size);
  const Weights kind = bytes.weight_kind();
  const int n = bytes.integer(1, 8);
  flow.clear(n);
  double largest = 0;
  const auto capacity = [&] {
    const double c = std::abs(bytes.weight(kind));  // no -0.0
    largest = std::max(largest, c);
    return c;
  };
  for (NodeId u = 0; u < n; ++u) {
    const int which = bytes.next() % 4;  // none, source, sink or both
    const double from_source = which % 2 == 1 ? capacity() : 0;
    flow.add_terminal_weights(u, from_source, which / 2 == 1 ? capacity() : 0);
  }
  while (n > 1 && !bytes.empty() && flow.edges().size() < 24) {
    const std::uint8_t ends = bytes.next();
    const NodeId u = ends % n;
    const NodeId v = (u + 1 + ends / n % (n - 1)) % n;
    const double forward = capacity();
    flow.add_edge(u, v, forward, ends >= 128 ? capacity() : 0);
  }
  const double value = flow.solve();
  require(is_max_flow(flow, value), "not a maximum flow");
  test::SlowMaxFlow slow(flow);
  const double expected = slow.solve();
  require(std::abs(value - expected) <= 1e-12 * std::max(largest, expected),
          "another value than augmenting paths find");
  if (kind == Weights::quarters || kind == Weights::hesitant) {
    for (NodeId u = 0; u < n; ++u)
      require(flow.is_source_side(u) == slow.is_reached(static_cast<std::size_t>(u)), "not the minimal source set");
    ++tally[kExact];
  }
  ++tally[kJudged];
  tally[kFlows] += value > 0;
}

}  // namespace
}  // namespace liid_cut::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  liid_cut::fuzz::run(data, size);
  return 0;
}
