// A pool of threads over independent jobs, watched by the calling thread.
//
// std::thread rather than one more OpenMP runtime: FAISS and PyTorch already bring theirs. Jobs are handed out in
// order, one at a time, so put the longest first.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "util/require_memory.hpp"

namespace liid_cut {

// More than the thread-local data of the libraries that a worker runs in.
inline constexpr std::size_t kBytesOfThread = std::size_t{1} << 16;

inline int resolve_threads(int requested) {
  return requested > 0 ? requested : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

// Runs job(worker_state, i) for i in 0..n_jobs-1; make_state() is called once on each worker thread. Meanwhile watch()
// is called on the calling thread every 50 ms. The first exception of a job ends the run and is thrown from here.
template <class MakeState, class Job, class Watch>
void parallel_for(std::size_t n_jobs, int n_threads, MakeState make_state, Job job, Watch watch) {
  if (n_jobs == 0) return;
  const std::size_t n_workers = std::min(n_jobs, static_cast<std::size_t>(resolve_threads(n_threads)));
  std::atomic<std::size_t> next{0};
  std::mutex mutex;
  std::condition_variable finished;
  std::size_t running = n_workers;
  std::exception_ptr failure;

  const auto work = [&] {
    // Allocates what exceptions need on this thread, while there is memory: see require_memory.
    static_cast<void>(std::uncaught_exceptions());
    try {
      auto state = make_state();
      for (std::size_t i; (i = next.fetch_add(1)) < n_jobs;) job(*state, i);
    } catch (...) {
      const std::lock_guard lock(mutex);
      if (!failure) failure = std::current_exception();
      next.store(n_jobs);
    }
    const std::lock_guard lock(mutex);
    --running;
    finished.notify_one();
  };

  // Where there are fewer threads, or less memory for them, than asked for, those that have begun do the work; running
  // may not fall to 0 meanwhile. Without any, this thread does it, and watch() has to wait.
  std::vector<std::thread> workers;
  workers.reserve(n_workers);
  try {
    for (std::size_t i = 0; i < n_workers; ++i) {
      require_memory(kBytesOfThread);
      workers.emplace_back(work);
    }
  } catch (...) {
    const std::lock_guard lock(mutex);
    running -= n_workers - workers.size();
  }
  if (workers.empty()) {
    running = 1;
    work();
  }
  try {
    std::unique_lock lock(mutex);
    while (!finished.wait_for(lock, std::chrono::milliseconds(50), [&] { return running == 0; })) {
      lock.unlock();
      watch();
      lock.lock();
    }
  } catch (...) {
    next.store(n_jobs);
    for (std::thread& worker : workers) worker.join();
    throw;
  }
  for (std::thread& worker : workers) worker.join();
  if (failure) std::rethrow_exception(failure);
}

// The same without a watch. Where one worker is enough it is the calling thread: starting another takes longer than a
// small problem.
template <class MakeState, class Job>
void parallel_for(std::size_t n_jobs, int n_threads, MakeState make_state, Job job) {
  if (n_jobs == 0) return;
  if (n_jobs > 1 && resolve_threads(n_threads) > 1) return parallel_for(n_jobs, n_threads, make_state, job, [] {});
  auto state = make_state();
  for (std::size_t i = 0; i < n_jobs; ++i) job(*state, i);
}

}  // namespace liid_cut
