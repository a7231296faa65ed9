// The greedy part of non-maximum suppression, for any kind of overlap; see liid_cut/nms.hpp.
//
// Steps: check; order rows by group, class, falling score and row; within each segment of one group and class offer
// the rows to a `Kept` in that order; list what was kept by falling score.
#pragma once

#include <algorithm>
#include <atomic>
#include <memory>
#include <numeric>
#include <tuple>
#include <utility>

#include "liid_cut/nms.hpp"
#include "search/parallel.hpp"

namespace liid_cut {

// All rows by group, class, falling score and row, and where a new group or class begins (n last).
struct NmsSegments {
  std::vector<std::int64_t> rows;
  std::vector<std::size_t> begins;
};

// Throws std::invalid_argument on what NmsRows or NmsSettings do not allow; `things` names what there are n of.
void check_rows(const char* things, std::size_t n, const NmsRows& rows, const NmsSettings& settings);
NmsSegments find_segments(const NmsRows& rows);

// Kept has clear(), for a new segment, and take(row): whether the row is kept. Fewer than `worth_threads` rows are
// handled by the calling thread.
template <class Kept>
std::vector<std::int64_t> greedy_nms(const NmsRows& rows, const NmsSettings& settings, std::size_t worth_threads,
                                     const Kept& empty) {
  const NmsSegments segments = find_segments(rows);
  std::vector<char> keep(rows.scores.size(), 0);
  std::atomic<bool> stopped{false};
  const auto suppress = [&](Kept& kept, std::size_t segment) {
    kept.clear();
    for (std::size_t i = segments.begins[segment]; i < segments.begins[segment + 1]; ++i) {
      if (stopped.load(std::memory_order_relaxed)) return;
      const auto row = static_cast<std::size_t>(segments.rows[i]);
      keep[row] = kept.take(row);
    }
  };

  const std::size_t n_segments = segments.begins.size() - 1;
  if (keep.size() < worth_threads) {
    Kept kept = empty;
    for (std::size_t segment = 0; segment < n_segments; ++segment) suppress(kept, segment);
  } else {
    const auto watch = [&] {
      try {
        if (settings.watch) settings.watch();
      } catch (...) {
        stopped = true;
        throw;
      }
    };
    parallel_for(n_segments, settings.n_threads, [&] { return std::make_unique<Kept>(empty); }, suppress, watch);
  }

  std::vector<std::int64_t> found;
  for (std::size_t i = 0; i < keep.size(); ++i)
    if (keep[i]) found.push_back(static_cast<std::int64_t>(i));
  std::stable_sort(found.begin(), found.end(), [&](std::int64_t a, std::int64_t b) {
    return rows.scores[static_cast<std::size_t>(a)] > rows.scores[static_cast<std::size_t>(b)];
  });
  return found;
}

}  // namespace liid_cut
