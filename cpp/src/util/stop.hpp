// Why and when a running solve has to stop: a deadline, or a request from the calling thread.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <limits>

#include "liid_cut/result.hpp"

namespace liid_cut {

class StopSignal {
 public:
  using Clock = std::chrono::steady_clock;

  // looks: as if the deadline passed after so many calls of requested(); < 0: no such end.
  explicit StopSignal(double time_limit_s, std::int64_t looks = -1)
      : start_(Clock::now()), time_limit_s_(time_limit_s), counts_looks_(looks >= 0), looks_left_(looks) {}

  void interrupt() { interrupted_.store(true, std::memory_order_relaxed); }
  bool requested() const {
    if (counts_looks_ && looks_left_.fetch_sub(1, std::memory_order_relaxed) <= 0) return true;
    return interrupted_.load(std::memory_order_relaxed) || elapsed_s() >= time_limit_s_;
  }
  Status reason() const {
    return interrupted_.load(std::memory_order_relaxed) ? Status::interrupted : Status::time_limit;
  }
  double remaining_s() const { return time_limit_s_ - elapsed_s(); }
  double elapsed_s() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }

 private:
  Clock::time_point start_;
  double time_limit_s_;
  std::atomic<bool> interrupted_{false};
  bool counts_looks_;
  mutable std::atomic<std::int64_t> looks_left_;
};

}  // namespace liid_cut
