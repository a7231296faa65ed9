// Whether two results are the same to the last bit, proofs and all; timings aside.
#pragma once

#include <algorithm>
#include <vector>

#include "liid_cut/result.hpp"

namespace liid_cut::test {

inline bool same_bits(const std::vector<ProofPart>& a, const std::vector<ProofPart>& b);
inline bool same_bits(const ProofCut& a, const ProofCut& b) {
  return a.edges == b.edges && a.named == b.named && a.multiplier == b.multiplier;
}
inline bool same_bits(const ProofNode& a, const ProofNode& b) {
  return a.kind == b.kind && a.messages == b.messages && a.node == b.node && a.label == b.label &&
         a.ruled_out == b.ruled_out && same_bits(a.parts, b.parts) &&
         std::equal(a.cuts.begin(), a.cuts.end(), b.cuts.begin(), b.cuts.end(),
                    [](const ProofCut& x, const ProofCut& y) { return same_bits(x, y); }) &&
         std::equal(a.children.begin(), a.children.end(), b.children.begin(), b.children.end(),
                    [](const ProofNode& x, const ProofNode& y) { return same_bits(x, y); });
}
inline bool same_bits(const std::vector<ProofPart>& a, const std::vector<ProofPart>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const ProofPart& x, const ProofPart& y) {
    return x.nodes == y.nodes && x.edges == y.edges && x.proof.size() == y.proof.size() &&
           std::equal(x.proof.begin(), x.proof.end(), y.proof.begin(),
                      [](const ProofNode& s, const ProofNode& t) { return same_bits(s, t); });
  });
}
inline bool same_bits(const ComponentReport& a, const ComponentReport& b) {
  return a.n_nodes == b.n_nodes && a.n_edges == b.n_edges && a.cost == b.cost && a.lower_bound == b.lower_bound &&
         a.status == b.status && a.stage == b.stage && a.search_nodes == b.search_nodes;
}
inline bool same_bits(const Result& a, const Result& b) {
  return a.labels == b.labels && a.cost == b.cost && a.lower_bound == b.lower_bound && a.status == b.status &&
         a.component_of == b.component_of && a.messages == b.messages && a.proofs_complete == b.proofs_complete &&
         std::equal(a.components.begin(), a.components.end(), b.components.begin(), b.components.end(),
                    [](const ComponentReport& x, const ComponentReport& y) { return same_bits(x, y); }) &&
         same_bits(a.proofs, b.proofs);
}

}  // namespace liid_cut::test
