// The certificate checker against forged results: whatever messages, proofs and claims say, no bound above the optimum
// is ever proven, and nothing crashes. A true result of a tiny problem is changed in some places, or gets a proof that
// the bytes make up.
#include <stdexcept>

#include "gaps.hpp"
#include "judge.hpp"
#include "liid_cut/solve.hpp"
#include "problem_bytes.hpp"

namespace liid_cut::fuzz {
namespace {

constexpr std::int64_t kMostLabellings = 4096;
constexpr int kDeepest = 5;

enum Count { kSkipped, kJudged, kHeld, kProven, kRefused };
constexpr const char* kNames[] = {"skipped", "judged", "forgeries that hold", "with a finite bound", "labels refused"};
Tally tally(kNames);

// Makes up parts and steps of proofs, and changes those that are there.
class Forger {
 public:
  Forger(const test::Instance& instance, Bytes& bytes) : instance_(instance), bytes_(bytes) {}

  void change(Result& result) {
    for (int changes = bytes_.integer(1, 4); changes > 0; --changes) change_once(result);
  }

 private:
  void change_once(Result& result) {
    switch (bytes_.integer(0, 11)) {
      case 0:
      case 1:
      case 2: {
        result.proofs.clear();
        result.proofs.push_back(part(all_nodes(), all_edges(), 0));
        return;
      }
      case 3:
      case 4:
        for (ProofPart& part : result.proofs) change(part);
        return;
      case 5:
        if (!result.messages.empty()) result.messages[any(result.messages.size())] = message();
        return;
      case 6:
        if (!result.proofs.empty()) result.proofs.push_back(result.proofs[any(result.proofs.size())]);
        return;
      case 7:
        if (!result.labels.empty()) result.labels[any(result.labels.size())] = label();
        return;
      case 8: result.lower_bound = result.cost; return;
      case 9: {
        if (result.components.empty()) return;
        ComponentReport& report = result.components[any(result.components.size())];
        report.stage = static_cast<Stage>(bytes_.integer(0, 6));
        report.status = static_cast<Status>(bytes_.integer(0, 5));
        report.lower_bound = report.cost;
        return;
      }
      case 10: result.messages.resize(any(result.messages.size() + 2)); return;
      default:
        if (!result.component_of.empty()) result.component_of[any(result.component_of.size())] = node();
    }
  }

  void change(ProofPart& part) {
    const std::uint8_t what = bytes_.next();
    if (what % 8 == 0 && !part.nodes.empty()) part.nodes[any(part.nodes.size())] = node();
    if (what % 8 == 1 && !part.edges.empty()) part.edges[any(part.edges.size())] = edge();
    if (what % 8 == 2) part.edges.push_back(edge());
    if (what % 8 == 3) part.proof.push_back(ProofNode{});
    for (ProofNode& step : part.proof) change(step);
  }

  void change(ProofNode& step) {
    switch (bytes_.integer(0, 9)) {
      case 0: step.kind = static_cast<ProofNode::Kind>(bytes_.integer(0, 2)); break;
      case 1: step.messages.clear(); break;
      case 2: step.messages.push_back(message()); break;
      case 3: step.node = node(); break;
      case 4: step.label = label(); break;
      case 5: step.ruled_out.emplace_back(node(), label()); break;
      case 6: step.cuts.push_back(cut()); break;
      case 7: step.children.emplace_back(); break;
      case 8:
        for (double& m : step.messages)
          if (bytes_.next() % 2 == 0) m = message();
        break;
      default: break;
    }
    for (ProofPart& part : step.parts) change(part);
    for (ProofNode& child : step.children) change(child);
  }

  ProofPart part(std::vector<NodeId> nodes, std::vector<EdgeId> edges, int depth) {
    ProofPart part{std::move(nodes), std::move(edges), {}};
    part.proof.push_back(step(part, depth));
    return part;
  }

  ProofNode step(const ProofPart& scope, int depth) {
    ProofNode step;
    const std::uint8_t what = depth < kDeepest ? bytes_.next() : 0;
    step.kind = static_cast<ProofNode::Kind>(what % 3);
    if (what / 3 % 4 != 0)
      for (const EdgeId e : scope.edges)
        for (LabelId k = 0; k < instance_.n_labels; ++k) step.messages.push_back(message(e));
    if (!step.messages.empty() && what / 12 % 4 == 1) step.cuts.push_back(cut());
    switch (step.kind) {
      case ProofNode::Kind::bound:
        if (what / 48 % 2 == 1) add_subpart(scope, depth, step);
        break;
      case ProofNode::Kind::branch:
        step.node = node();
        step.label = label();
        step.children.push_back(this->step(scope, depth + 1));
        step.children.push_back(this->step(scope, depth + 1));
        break;
      case ProofNode::Kind::rule_out:
        for (int i = bytes_.integer(0, 3); i > 0; --i) step.ruled_out.emplace_back(node(), label());
        step.children.push_back(this->step(scope, depth + 1));
    }
    return step;
  }

  void add_subpart(const ProofPart& scope, int depth, ProofNode& step) {
    const std::uint8_t mask = bytes_.next();
    std::vector<NodeId> nodes;
    for (std::size_t i = 0; i < scope.nodes.size(); ++i)
      if ((mask >> (i % 8)) % 2 == 1) nodes.push_back(scope.nodes[i]);
    std::vector<EdgeId> edges;
    for (const EdgeId e : scope.edges) {
      const auto [u, v] = instance_.graph.edges()[static_cast<std::size_t>(e)];
      if (std::binary_search(nodes.begin(), nodes.end(), u) && std::binary_search(nodes.begin(), nodes.end(), v))
        edges.push_back(e);
    }
    step.parts.push_back(part(std::move(nodes), std::move(edges), depth + 1));
  }

  // Along the edges that the bytes name, or around the first triangle.
  ProofCut cut() {
    ProofCut cut;
    if (bytes_.next() % 2 == 0) {
      cut.edges = triangle();
    } else {
      for (int i = bytes_.integer(2, 5); i > 0; --i) cut.edges.push_back(edge());
    }
    for (LabelId k = 0; k < instance_.n_labels; ++k) {
      if (cut.edges.empty() || n_edges() == 0) break;
      const auto e = static_cast<std::size_t>(std::clamp<EdgeId>(cut.edges[any(cut.edges.size())], 0, n_edges() - 1));
      cut.named.push_back(instance_.graph.edges()[e].u);
    }
    cut.multiplier = message();
    return cut;
  }
  std::vector<EdgeId> triangle() const {
    const auto edges = instance_.graph.edges();
    for (std::size_t a = 0; a < edges.size(); ++a)
      for (std::size_t b = a + 1; b < edges.size(); ++b)
        for (std::size_t c = b + 1; c < edges.size(); ++c)
          if (edges[a].u == edges[b].u && edges[c] == Edge{edges[a].v, edges[b].v})
            return {static_cast<EdgeId>(a), static_cast<EdgeId>(b), static_cast<EdgeId>(c)};
    return {};
  }

  // Of a size that the edge allows, mostly.
  double message(EdgeId e = 0) {
    const double w = n_edges() == 0 ? 1 : instance_.graph.weights()[static_cast<std::size_t>(e)];
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    const std::array<double, 8> special{0, w, 2 * w, -w, kInfinity, -kInfinity, std::nan(""), 1e300};
    const std::uint8_t byte = bytes_.next();
    return byte < 240 ? w * (byte % 9) / 8 : special[byte % special.size()];
  }
  NodeId node() {  // now and then none
    const std::uint8_t byte = bytes_.next();
    return byte >= 250 ? instance_.graph.n_nodes() + byte - 252 : byte % instance_.graph.n_nodes();
  }
  EdgeId edge() {
    const std::uint8_t byte = bytes_.next();
    return byte >= 250 || n_edges() == 0 ? n_edges() + byte - 252 : byte % n_edges();
  }
  LabelId label() {
    const std::uint8_t byte = bytes_.next();
    return byte >= 250 ? instance_.n_labels + byte - 252 : byte % instance_.n_labels;
  }
  std::size_t any(std::size_t size) { return bytes_.next() % size; }
  EdgeId n_edges() const { return instance_.graph.n_edges(); }
  std::vector<NodeId> all_nodes() const {
    std::vector<NodeId> nodes;
    for (NodeId u = 0; u < instance_.graph.n_nodes(); ++u) nodes.push_back(u);
    return nodes;
  }
  std::vector<EdgeId> all_edges() const {
    std::vector<EdgeId> edges;
    for (EdgeId e = 0; e < n_edges(); ++e) edges.push_back(e);
    return edges;
  }

  const test::Instance& instance_;
  Bytes& bytes_;
};

void judge_forgery(const test::Instance& instance, Bytes& bytes) {
  const Judge judge(instance);
  if (judge.count_labellings(kMostLabellings) > kMostLabellings) {
    ++tally[kSkipped];
    return;
  }
  Settings settings;
  settings.n_threads = 1;
  Result result = solve(instance.problem(), settings);
  const long double optimum = judge.optimum(judge.cost(result.labels));
  Forger(instance, bytes).change(result);
  const long double promise = 1e-9L * std::max(1.0L, optimum) + judge.rounding();
  try {
    const CertificateCheck check = check_certificate(instance.problem(), result);
    require(!(check.lower_bound > optimum + promise), "a bound above the optimum is proven");
    require(judge.is_labelling(result.labels), "labels that are none were not refused");
    if (check.ok()) require(result.lower_bound <= optimum + 2 * promise, "a claim that is false holds");
    ++tally[kJudged];
    tally[kHeld] += check.ok();
    tally[kProven] += std::isfinite(check.lower_bound);
  } catch (const std::invalid_argument&) {
    require(!judge.is_labelling(result.labels), "labels of a labelling were refused");
    ++tally[kRefused];
  }
}

void run(const std::uint8_t* data, std::size_t size) {
  Bytes bytes(data, size);
  if (bytes.next() % 4 == 0) {
    static const std::vector<test::Instance> gaps = [] {
      std::vector<test::Instance> all{test::triangle(), test::two_triangles(), test::simplex_grid(2)};
      for (std::uint64_t seed = 1; seed < 400; ++seed)
        if (test::Instance more = test::instance_with_gap(seed);
            Judge(more).count_labellings(kMostLabellings) <= kMostLabellings)
          all.push_back(std::move(more));
      return all;
    }();
    return judge_forgery(gaps[bytes.next() % gaps.size()], bytes);
  }
  Case input = decode(bytes);
  if (input.invalid || input.may_be_refused) {
    ++tally[kSkipped];
    return;
  }
  judge_forgery(input.instance(), bytes);
}

}  // namespace
}  // namespace liid_cut::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  liid_cut::fuzz::run(data, size);
  return 0;
}
