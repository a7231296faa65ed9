// Domain types of the whole library.
//
// u, v name nodes (proposals), e an edge, k a label (category; 0 is the background).
#pragma once

#include <cstdint>

namespace liid_cut {

using NodeId = std::int32_t;
using EdgeId = std::int64_t;
using LabelId = std::int32_t;
using ComponentId = std::int32_t;
using Weight = double;

inline constexpr NodeId kNoNode = -1;
inline constexpr LabelId kNoLabel = -1;

// An undirected edge; u < v everywhere in this library.
struct Edge {
  NodeId u;
  NodeId v;

  friend bool operator==(const Edge&, const Edge&) = default;
};

}  // namespace liid_cut
