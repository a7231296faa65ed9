// A fuzzer without libFuzzer, for every compiler and build of the tests: the kept inputs, then so many changed ones,
// the same on every run.
//
//   replay_solve tests/fuzz/corpus/solve.hex 20000
//
// An input whose judgement fails is printed in hexadecimal, as the corpus has them.
#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using Input = std::vector<std::uint8_t>;
constexpr std::size_t kLongest = 100;

Input current;

void show_input(int signal) {
  std::fputs("input: ", stderr);
  for (const std::uint8_t byte : current) std::fprintf(stderr, "%02x", byte);
  std::fputs("\n", stderr);
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

void judge(Input input) {
  current = std::move(input);
  static_cast<void>(LLVMFuzzerTestOneInput(current.data(), current.size()));
}

std::vector<Input> read_inputs(const char* path) {
  std::vector<Input> inputs;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    Input input(line.size() / 2);
    for (std::size_t i = 0; i < input.size(); ++i) std::from_chars(&line[2 * i], &line[2 * i] + 2, input[i], 16);
    inputs.push_back(std::move(input));
  }
  return inputs;
}

// A kept input after a few changes: a byte of another value, inserted or left out, or the end of another input.
Input changed(const std::vector<Input>& inputs, std::mt19937_64& random) {
  const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  Input input = inputs[below(inputs.size())];
  for (std::size_t n = 1 + below(4); n > 0; --n) {
    const std::size_t at = below(input.size() + 1);
    const auto place = input.begin() + static_cast<std::ptrdiff_t>(at);
    const auto byte = static_cast<std::uint8_t>(random());
    const std::size_t what = below(4);
    if (what == 0) {
      input.insert(place, byte);
    } else if (what == 3) {
      const Input& other = inputs[below(inputs.size())];
      input.resize(at);
      if (other.size() > at) input.insert(input.end(), other.begin() + static_cast<std::ptrdiff_t>(at), other.end());
    } else if (at < input.size()) {
      if (what == 1) *place = byte;
      if (what == 2) input.erase(place);
    }
  }
  input.resize(std::min(input.size(), kLongest));
  return input;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: %s INPUTS.hex NUMBER_OF_CHANGED_INPUTS\n", argv[0]);
    return 2;
  }
  std::signal(SIGABRT, show_input);
  std::signal(SIGSEGV, show_input);
  const std::vector<Input> inputs = read_inputs(argv[1]);
  if (inputs.empty()) {
    std::fprintf(stderr, "%s: no inputs\n", argv[1]);
    return 2;
  }
  for (const Input& input : inputs) judge(input);
  std::mt19937_64 random(1);
  for (long left = std::atol(argv[2]); left > 0; --left) judge(changed(inputs, random));
  return 0;
}
