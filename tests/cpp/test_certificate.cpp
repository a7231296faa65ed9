// The certificate checker accepts what the solver returns and rejects every forged claim: one fault a test.
//
// Faults of the proofs are in test_proofs.cpp and test_proof_parts.cpp, of claims by enumeration in
// test_brute_force.cpp.
#include <doctest/doctest.h>

#include <limits>
#include <stdexcept>

#include "checks.hpp"
#include "liid_cut/solve.hpp"

namespace liid_cut::test {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

Result solved(const Instance& instance, Method method = Method::automatic) {
  Settings settings;
  settings.method = method;
  return solve(instance.problem(), settings);
}

void check_rejected(const Instance& instance, const Result& forged, const char* problem) {
  const CertificateCheck check = check_certificate(instance.problem(), forged);
  CHECK_FALSE(check.ok());
  CHECK_MESSAGE(joined(check.problems).find(problem) != std::string::npos, joined(check.problems));
}

}  // namespace

TEST_CASE("a genuine result is accepted, with its cost and bound recomputed") {
  for (const Instance& instance : {path(), star(), triangle(), two_triangles(), simplex_grid(3)})
    for (const Method method : {Method::automatic, Method::ckr, Method::brute_force}) {
      const Result result = solved(instance, method);
      const CertificateCheck check = check_certificate(instance.problem(), result);
      CHECK_MESSAGE(check.ok(), joined(check.problems));
      CHECK(check.cost == doctest::Approx(result.cost).epsilon(kTolerance));
      CHECK(check.lower_bound == doctest::Approx(result.lower_bound).epsilon(kTolerance));
    }
}

TEST_CASE("forged: another label") {
  Result forged = solved(path());
  forged.labels[0] = 1 - forged.labels[0];
  check_rejected(path(), forged, "cost is claimed to be 1.3");
}

TEST_CASE("forged: a lower cost") {
  Result forged = solved(path());
  forged.cost -= .1;
  check_rejected(path(), forged, "cost is claimed to be 1.2");
}

TEST_CASE("forged: a cost that is no number") {
  Result forged = solved(path());
  forged.cost = kNan;
  check_rejected(path(), forged, "cost is claimed to be nan");
}

TEST_CASE("forged: a lower cost of one component") {
  Result forged = solved(two_triangles());
  forged.components[1].cost -= .1;
  check_rejected(two_triangles(), forged, "component 1: cost is claimed to be");
}

TEST_CASE("forged: a worse labelling, costs and all, that is still claimed optimal") {
  const Instance instance = path();
  Result forged = solved(instance);
  forged.labels = {0, 0, 0, 0};
  forged.cost = forged.components[0].cost = forged.components[0].lower_bound = forged.lower_bound = 2;
  check_rejected(instance, forged, "component 0: claimed optimal at 2 but only 1.");
}

TEST_CASE("forged: a higher bound of one component") {
  const Instance instance = two_triangles();
  Result forged = solved(instance);
  forged.components[0].lower_bound += .1;
  check_rejected(instance, forged, "component 0: lower bound is claimed to be 4.1 but only 4 is proven");
}

TEST_CASE("forged: a higher bound of the whole") {
  const Instance instance = two_triangles();
  Settings settings;
  settings.time_limit_s = 1e-9;
  Result forged = solve(instance.problem(), settings);
  forged.lower_bound += .1;
  check_rejected(instance, forged, "lower bound is claimed to be");
}

TEST_CASE("forged: a bound of one component that is no number") {
  Result forged = solved(two_triangles());
  forged.components[0].lower_bound = kNan;
  check_rejected(two_triangles(), forged, "component 0: lower bound is claimed to be nan");
}

TEST_CASE("forged: optimal as a whole, though a component is not") {
  const Instance instance = triangle();
  Settings settings;
  settings.time_limit_s = 1e-9;
  Result forged = solve(instance.problem(), settings);
  forged.status = Status::optimal;
  check_rejected(instance, forged, "optimal");
}

TEST_CASE("forged: a component claimed optimal at a limit") {
  const Instance instance = triangle();
  Settings settings;
  settings.time_limit_s = 1e-9;
  Result forged = solve(instance.problem(), settings);
  forged.components[0].status = Status::optimal;
  check_rejected(instance, forged, "component 0: claimed optimal at 4 but only ");
}

TEST_CASE("forged: messages beyond the weight of their edge") {
  const Instance instance = path();
  Result forged = solved(instance);
  forged.messages[2] += 10;
  check_rejected(instance, forged, "messages of edge 1 spread by");
}

TEST_CASE("forged: messages that prove less") {
  const Instance instance = path();
  Result forged = solved(instance);
  std::fill(forged.messages.begin(), forged.messages.end(), 0.0);
  check_rejected(instance, forged, "component 0: lower bound is claimed to be 1.3");
}

TEST_CASE("forged: messages that are infinite") {
  const Instance instance = path();
  Result forged = solved(instance);
  std::fill(forged.messages.begin(), forged.messages.end(), std::numeric_limits<double>::infinity());
  check_rejected(instance, forged, "messages of edge 0 spread by");
}

TEST_CASE("forged: a message that is no number") {
  const Instance instance = make_instance(4, {.25, .25, 1, .25, .25, .25, 1, .25}, {{0, 1}}, {1});
  for (const std::size_t k : {0, 1, 2, 3}) {
    Result forged = solved(instance, Method::ckr);
    forged.messages[k] = kNan;
    check_rejected(instance, forged, "messages of edge 0");
  }
}

TEST_CASE("forged: a dear labelling, whose bound is raised by a message that is no number") {
  const Instance instance = make_instance(4, {.25, .25, 1, .25, .25, .25, 1, .25}, {{0, 1}}, {1});
  Result forged = solved(instance, Method::ckr);
  forged.messages = {0, 0, kNan, 0};
  forged.labels = {0, 0};
  forged.cost = forged.lower_bound = forged.components[0].cost = forged.components[0].lower_bound = 3;
  CHECK_FALSE(check_certificate(instance.problem(), forged).ok());
}

TEST_CASE("forged: component ids") {
  Result forged = solved(two_triangles());
  std::swap(forged.component_of[0], forged.component_of[1]);
  check_rejected(two_triangles(), forged, "component ids are not those of the graph");
}

TEST_CASE("forged: a component table that is too short") {
  Result forged = solved(two_triangles());
  forged.components.pop_back();
  check_rejected(two_triangles(), forged, "the component table has the wrong length");
}

TEST_CASE("forged: the size of a component") {
  Result forged = solved(two_triangles());
  forged.components[0].n_nodes = 1;
  check_rejected(two_triangles(), forged, "component 0");
}

TEST_CASE("forged: too few messages") {
  Result forged = solved(path());
  forged.messages = std::vector<double>(2);
  check_rejected(path(), forged, "messages");
}

TEST_CASE("labels that are none are bad input") {
  const Instance instance = path();
  Result forged = solved(instance);
  forged.labels[1] = 2;
  CHECK_THROWS_WITH_AS(check_certificate(instance.problem(), forged), "labels[1] is 2; labels are 0 to 1",
                       std::invalid_argument);
}

}  // namespace liid_cut::test
