// Checks and order of the rows of a suppression; see boxes/greedy.hpp.
#include "boxes/greedy.hpp"

#include <cmath>
#include <sstream>
#include <stdexcept>

namespace liid_cut {
namespace {

void check_length(const char* name, std::size_t length, const char* things, std::size_t n) {
  if (length == n) return;
  std::ostringstream message;
  message << name << " has " << length << " entries; there are " << n << ' ' << things;
  throw std::invalid_argument(message.str());
}

}  // namespace

void check_rows(const char* things, std::size_t n, const NmsRows& rows, const NmsSettings& settings) {
  check_length("scores", rows.scores.size(), things, n);
  if (!rows.labels.empty()) check_length("labels", rows.labels.size(), things, n);
  if (!rows.groups.empty()) check_length("groups", rows.groups.size(), things, n);
  for (std::size_t i = 0; i < n; ++i) {
    if (std::isfinite(rows.scores[i])) continue;
    std::ostringstream message;
    message << "scores[" << i << "] is " << rows.scores[i] << "; every score must be finite";
    throw std::invalid_argument(message.str());
  }
  if (!(settings.iou_threshold >= 0 && settings.iou_threshold <= 1)) {
    std::ostringstream message;
    message << "iou_threshold is " << settings.iou_threshold << "; it must be a number from 0 to 1";
    throw std::invalid_argument(message.str());
  }
}

NmsSegments find_segments(const NmsRows& rows) {
  const auto at = [](std::span<const std::int64_t> ids, std::int64_t row) {
    return ids.empty() ? 0 : ids[static_cast<std::size_t>(row)];
  };
  const auto place = [&](std::int64_t row) { return std::pair(at(rows.groups, row), at(rows.labels, row)); };
  const auto score = [&](std::int64_t row) { return rows.scores[static_cast<std::size_t>(row)]; };

  NmsSegments found;
  found.rows.resize(rows.scores.size());
  std::iota(found.rows.begin(), found.rows.end(), std::int64_t{0});
  std::sort(found.rows.begin(), found.rows.end(), [&](std::int64_t a, std::int64_t b) {
    return std::tuple(place(a), score(b), a) < std::tuple(place(b), score(a), b);
  });
  for (std::size_t i = 0; i < found.rows.size(); ++i)
    if (i == 0 || place(found.rows[i]) != place(found.rows[i - 1])) found.begins.push_back(i);
  found.begins.push_back(found.rows.size());
  return found;
}

}  // namespace liid_cut
