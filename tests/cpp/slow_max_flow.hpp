// What maximum flows are held against: Edmonds and Karp's algorithm on an adjacency matrix.
#pragma once

#include <algorithm>
#include <cmath>
#include <queue>
#include <vector>

#include "flow/max_flow.hpp"

namespace liid_cut::test {

// Nodes 0..n-1, the source n, the sink n + 1; what is left of each capacity.
class SlowMaxFlow {
 public:
  explicit SlowMaxFlow(const MaxFlow& input)
      : source_(input.terminals().size()), size_(source_ + 2), residual_(size_, std::vector<double>(size_, 0.0)) {
    for (std::size_t u = 0; u < source_; ++u) {
      residual_[source_][u] = input.terminals()[u].from_source;
      residual_[u][source_ + 1] = input.terminals()[u].to_sink;
    }
    for (const auto& [u, v, capacity, reverse_capacity] : input.edges()) {
      residual_[static_cast<std::size_t>(u)][static_cast<std::size_t>(v)] += capacity;
      residual_[static_cast<std::size_t>(v)][static_cast<std::size_t>(u)] += reverse_capacity;
    }
  }

  double solve() {
    double value = 0;
    while (search()) {
      double amount = INFINITY;
      for (std::size_t v = source_ + 1; v != source_; v = parent_[v])
        amount = std::min(amount, residual_[parent_[v]][v]);
      for (std::size_t v = source_ + 1; v != source_; v = parent_[v]) {
        residual_[parent_[v]][v] -= amount;
        residual_[v][parent_[v]] += amount;
      }
      value += amount;
    }
    return value;
  }

  bool is_reached(std::size_t u) const { return parent_[u] != size_; }

 private:
  // Breadth first; whether the source reaches the sink.
  bool search() {
    parent_.assign(size_, size_);
    parent_[source_] = source_;
    std::queue<std::size_t> queue({source_});
    for (; !queue.empty(); queue.pop())
      for (std::size_t v = 0; v < size_; ++v)
        if (parent_[v] == size_ && residual_[queue.front()][v] > 0) {
          parent_[v] = queue.front();
          queue.push(v);
        }
    return parent_[source_ + 1] != size_;
  }

  std::size_t source_;
  std::size_t size_;
  std::vector<std::vector<double>> residual_;
  std::vector<std::size_t> parent_;
};

}  // namespace liid_cut::test
