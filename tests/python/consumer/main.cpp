// Solves the triangle of three terminals (CKR bound 3.75, optimum 4), so that the LP solver has to load too, checks
// the certificate and prints the cost. Exit status 1: the certificate does not hold.
#include <cstdio>
#include <string>
#include <vector>

#include "liid_cut/solve.hpp"
#include "liid_cut/verify.hpp"

int main() {
  const std::vector<double> probs = {1, 1, 0, 1, 0, 1, 0, 1, 1};
  const auto graph = liid_cut::Graph::from_edges(3, {{0, 1}, {0, 2}, {1, 2}}, {0.5, 0.5, 0.5});
  const liid_cut::Problem problem{graph, liid_cut::MatrixView(probs, 3, 3)};
  const liid_cut::Result result = liid_cut::solve(problem);
  const liid_cut::CertificateCheck check = liid_cut::check_certificate(problem, result);
  for (const std::string& wrong : check.problems) std::fprintf(stderr, "%s\n", wrong.c_str());
  std::printf("cost %.6f bound %.6f\n", result.cost, check.lower_bound);
  return check.ok() ? 0 : 1;
}
