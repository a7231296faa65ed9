// The thread pool: every job once, and exceptions from anywhere reach the caller.
#include "search/parallel.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <set>
#include <stdexcept>

namespace liid_cut::test {
namespace {

const auto kNoState = [] { return std::make_unique<int>(0); };
const auto kNoWatch = [] {};

void wait_for(const std::atomic<bool>& flag) {
  while (!flag.load()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

}  // namespace

TEST_CASE("every job runs exactly once, whatever the number of threads") {
  for (const int n_threads : {0, 1, 2, 7, 200}) {
    std::vector<std::atomic<int>> runs(100);
    parallel_for(runs.size(), n_threads, kNoState, [&](int&, std::size_t i) { ++runs[i]; }, kNoWatch);
    for (const auto& count : runs) CHECK(count.load() == 1);
  }
}

TEST_CASE("no jobs: nothing is called") {
  bool called = false;
  const auto state = [&] {
    called = true;
    return std::make_unique<int>(0);
  };
  parallel_for(0, 2, state, [&](int&, std::size_t) { called = true; }, [&] { called = true; });
  CHECK_FALSE(called);
}

TEST_CASE("one thread takes the jobs in order") {
  std::vector<std::size_t> order;
  parallel_for(50, 1, kNoState, [&](int&, std::size_t i) { order.push_back(i); }, kNoWatch);
  for (std::size_t i = 0; i < order.size(); ++i) CHECK(order[i] == i);
}

TEST_CASE("each worker has a state of its own, made once on its thread") {
  std::mutex mutex;
  std::set<std::thread::id> makers;
  int n_states = 0;
  const auto state = [&] {
    const std::lock_guard lock(mutex);
    ++n_states;
    makers.insert(std::this_thread::get_id());
    return std::make_unique<std::thread::id>(std::this_thread::get_id());
  };
  std::atomic<int> strangers{0};
  const auto job = [&](std::thread::id& owner, std::size_t) { strangers += owner != std::this_thread::get_id(); };
  parallel_for(40, 3, state, job, kNoWatch);
  CHECK(strangers.load() == 0);
  CHECK(n_states == 3);
  CHECK(makers.size() == 3);
  CHECK(makers.count(std::this_thread::get_id()) == 0);
}

TEST_CASE("watch is called on the calling thread while jobs run") {
  std::atomic<bool> watched{false};
  std::thread::id watcher;
  const auto watch = [&] {
    watcher = std::this_thread::get_id();
    watched = true;
  };
  parallel_for(1, 1, kNoState, [&](int&, std::size_t) { wait_for(watched); }, watch);
  CHECK(watcher == std::this_thread::get_id());
}

TEST_CASE("nothing to watch and one worker: the calling thread does the jobs, in order, and starts no other") {
  for (const auto& [n_jobs, n_threads] : {std::pair(50, 1), std::pair(1, 4), std::pair(0, 4)}) {
    std::vector<int> order;
    std::set<std::thread::id> workers;
    parallel_for(static_cast<std::size_t>(n_jobs), n_threads, kNoState, [&](int&, std::size_t i) {
      order.push_back(static_cast<int>(i));
      workers.insert(std::this_thread::get_id());
    });
    CHECK(order.size() == static_cast<std::size_t>(n_jobs));
    CHECK(std::is_sorted(order.begin(), order.end()));
    CHECK(workers == (n_jobs == 0 ? std::set<std::thread::id>{} : std::set{std::this_thread::get_id()}));
  }
  CHECK_THROWS_WITH_AS(parallel_for(2, 1, kNoState, [](int&, std::size_t) { throw std::runtime_error("inline"); }),
                       "inline", std::runtime_error);
}

TEST_CASE("nothing to watch and many workers: every job exactly once, none on the calling thread") {
  std::vector<std::atomic<int>> runs(100);
  std::atomic<int> own{0};
  const auto caller = std::this_thread::get_id();
  parallel_for(runs.size(), 3, kNoState, [&](int&, std::size_t i) {
    ++runs[i];
    own += std::this_thread::get_id() == caller;
  });
  for (const auto& count : runs) CHECK(count.load() == 1);
  CHECK(own.load() == 0);
}

TEST_CASE("an exception of a job is thrown from here and no further job starts") {
  for (const int n_threads : {1, 2, 4}) {
    std::atomic<int> runs{0};
    const auto job = [&](int&, std::size_t i) {
      ++runs;
      if (i == 0) throw std::runtime_error("job 0");
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    };
    CHECK_THROWS_WITH_AS(parallel_for(1000, n_threads, kNoState, job, kNoWatch), "job 0", std::runtime_error);
    CHECK(runs.load() < 1000);
  }
}

TEST_CASE("of many exceptions one is thrown") {
  const auto job = [](int&, std::size_t) { throw std::runtime_error("any"); };
  CHECK_THROWS_WITH_AS(parallel_for(50, 4, kNoState, job, kNoWatch), "any", std::runtime_error);
}

TEST_CASE("an exception of make_state is thrown from here") {
  const auto state = []() -> std::unique_ptr<int> { throw std::runtime_error("state"); };
  CHECK_THROWS_WITH_AS(parallel_for(4, 2, state, [](int&, std::size_t) {}, kNoWatch), "state", std::runtime_error);
}

TEST_CASE("an exception of watch is thrown once the running jobs have ended, and no further job starts") {
  std::atomic<bool> watched{false};
  std::atomic<int> runs{0};
  const auto job = [&](int&, std::size_t) {
    ++runs;
    wait_for(watched);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  };
  const auto watch = [&] {
    watched = true;
    throw std::runtime_error("watch");
  };
  CHECK_THROWS_WITH_AS(parallel_for(1000, 2, kNoState, job, watch), "watch", std::runtime_error);
  CHECK(runs.load() < 1000);
}

TEST_CASE("zero threads means all cores, and at least one") {
  CHECK(resolve_threads(0) >= 1);
  CHECK(resolve_threads(3) == 3);
}

}  // namespace liid_cut::test
