// What every stage of one solve shares: settings, the stop signal, and one HiGHS object per thread.
#pragma once

#include <memory>

#include "liid_cut/settings.hpp"
#include "lp/highs_session.hpp"
#include "util/stop.hpp"

namespace liid_cut {

class SearchContext {
 public:
  SearchContext(const Settings& settings, const StopSignal& stop) : settings_(settings), stop_(stop) {}

  const Settings& settings() const { return settings_; }
  const StopSignal& stop() const { return stop_; }
  // Made when it is first needed: most components never need an LP.
  HighsSession& lp_session() {
    if (!session_) session_ = std::make_unique<HighsSession>(stop_);
    return *session_;
  }
  // After an exception out of HiGHS, which may have left the object half changed.
  void drop_lp_session() { session_.reset(); }

 private:
  const Settings& settings_;
  const StopSignal& stop_;
  std::unique_ptr<HighsSession> session_;
};

}  // namespace liid_cut
