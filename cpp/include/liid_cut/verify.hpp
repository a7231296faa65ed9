// The certificate checker: recomputes cost and bound from labels, messages and proof trees alone.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "liid_cut/problem.hpp"
#include "liid_cut/result.hpp"

namespace liid_cut {

struct CertificateCheck {
  double cost = 0;                    // recomputed
  double lower_bound = 0;             // what the certificate proves, whatever the result claims
  std::vector<std::string> problems;  // empty: every claim of the result holds

  bool ok() const { return problems.empty(); }
};

// Enumerated components carry no messages and are enumerated again. Set max_enumeration for a result that is not
// trusted: one with more labellings is then a problem; a forged one could keep the checker busy for ever.
// Throws std::invalid_argument where a label is out of range or not allowed: there is no cost to check then.
CertificateCheck check_certificate(const Problem& problem, const Result& result, double tolerance = 1e-9,
                                   std::int64_t max_enumeration = std::numeric_limits<std::int64_t>::max());

}  // namespace liid_cut
