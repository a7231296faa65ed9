// See liid_cut/memory.hpp. Of a component there are three copies of costs and messages at the peak: the model, what
// reductions left of it, and what is being lifted back; the smaller terms are arcs, orders and marks.
#include "liid_cut/memory.hpp"

#include <algorithm>
#include <functional>
#include <limits>
#include <sstream>
#include <vector>

namespace liid_cut {
namespace {

constexpr std::size_t kCopies = 3;
constexpr std::size_t kBytesPerNode = 80;  // in the result and in the division into components
constexpr std::size_t kBytesPerEdge = 32;
constexpr std::size_t kBytesPerArcEnd = 100;

std::size_t row_bytes(LabelId n_labels) { return static_cast<std::size_t>(n_labels) * sizeof(double); }

}  // namespace

std::size_t estimated_result_bytes(NodeId n_nodes, EdgeId n_edges, LabelId n_labels) {
  return static_cast<std::size_t>(n_nodes) * kBytesPerNode +
         static_cast<std::size_t>(n_edges) * (kBytesPerEdge + row_bytes(n_labels));
}

std::size_t memory_for_cuts(NodeId n_nodes, EdgeId n_edges, LabelId n_labels, std::size_t max_bytes) {
  const std::size_t needed = estimated_result_bytes(n_nodes, n_edges, n_labels);
  if (max_bytes == 0) return std::numeric_limits<std::size_t>::max();
  if (needed <= max_bytes) return max_bytes - needed;
  std::ostringstream message;
  message << "the result alone needs about " << (needed >> 20) << " MiB for " << n_edges << " edges with " << n_labels
          << " labels, and " << (max_bytes >> 20) << " MiB are left; cut the problem in parts, or use fewer neighbours";
  throw MemoryEstimate(message.str());
}

std::size_t estimated_cut_bytes(NodeId n_nodes, EdgeId n_edges, LabelId n_labels) {
  const auto rows = static_cast<std::size_t>(n_nodes) + static_cast<std::size_t>(n_edges);
  return rows * (kCopies * row_bytes(n_labels) + kBytesPerArcEnd);
}

int affordable_threads(std::span<const std::size_t> needs, int n_threads, std::size_t bytes) {
  std::vector<std::size_t> largest(std::min(needs.size(), static_cast<std::size_t>(n_threads)));
  std::partial_sort_copy(needs.begin(), needs.end(), largest.begin(), largest.end(), std::greater<>());
  std::size_t together = 0;
  int threads = 0;
  for (const std::size_t need : largest) {
    together += need;
    if (together > bytes) break;
    ++threads;
  }
  // With fewer components than threads, all run at once.
  return threads == static_cast<int>(largest.size()) ? n_threads : std::max(1, threads);
}

}  // namespace liid_cut
