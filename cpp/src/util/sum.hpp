// Compensated summation (Neumaier, "Rundungsfehleranalyse einiger Verfahren zur Summation endlicher Summen", 1974).
//
// Costs add up millions of terms and are held against bounds at 1e-9; plain sums would spend that budget.
#pragma once

#include <cmath>

namespace liid_cut {

class Sum {
 public:
  Sum& operator+=(double x) {
    const double t = total_ + x;
    correction_ += std::abs(total_) >= std::abs(x) ? (total_ - t) + x : (x - t) + total_;
    total_ = t;
    return *this;
  }
  double value() const { return total_ + correction_; }

 private:
  double total_ = 0;
  double correction_ = 0;
};

}  // namespace liid_cut
