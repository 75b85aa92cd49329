// Feeds a fuzz target with a corpus and with changed copies of it, in a child process, and keeps what kills it.
//
//   fuzz_NAME [--seconds N] [--seed N] [--max-bytes N] [--keep DIR] CORPUS...
//
// CORPUS are files and folders. Without --seconds the corpus alone is run. An input that ends the child, takes longer
// than ten seconds or more than 2 GiB is written to DIR and ends the run with exit code 1. If the code under test is
// built with -fsanitize-coverage=trace-pc, inputs that reach something new join the corpus; else changes are blind.
#include <fmt/format.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <new>
#include <thread>

#include "core/error.hpp"
#include "coverage.hpp"
#include "fuzz.hpp"
#include "mutate.hpp"

namespace stockpot::fuzz {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr std::size_t default_bytes = std::size_t{64} << 10;
constexpr long most_kilobytes = long{2} << 20;
constexpr std::chrono::seconds most_time(10);

struct Line {
  std::chrono::seconds time{0};
  std::uint64_t seed = 1;
  std::size_t most_bytes = default_bytes;
  fs::path keep = ".";
  std::vector<fs::path> corpus;
};

Line read_line(int argc, char** argv) {
  Line line;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    const bool is_option = word.starts_with("--") && i + 1 < argc;
    if (word == "--seconds" && is_option) {
      line.time = std::chrono::seconds(std::stoul(argv[++i]));
    } else if (word == "--seed" && is_option) {
      line.seed = std::stoull(argv[++i]);
    } else if (word == "--max-bytes" && is_option) {
      line.most_bytes = std::stoull(argv[++i]);
    } else if (word == "--keep" && is_option) {
      line.keep = argv[++i];
    } else {
      line.corpus.emplace_back(word);
    }
  }
  return line;
}

std::string contents(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<std::string> read_corpus(const Line& line) {
  std::vector<fs::path> paths;
  for (const fs::path& path : line.corpus) {
    if (!fs::is_directory(path)) {
      paths.push_back(path);
      continue;
    }
    for (const auto& entry : fs::recursive_directory_iterator(path)) {
      if (entry.is_regular_file()) paths.push_back(entry.path());
    }
  }
  std::ranges::sort(paths);
  std::vector<std::string> corpus;
  for (const fs::path& path : paths) {
    std::string text = contents(path);
    if (text.size() <= line.most_bytes) corpus.push_back(std::move(text));
  }
  if (corpus.empty()) corpus.emplace_back();
  return corpus;
}

/// What the child tells its parent, in memory that outlives it.
struct Shared {
  std::atomic<std::uint64_t> runs{0};
  std::atomic<std::uint64_t> found{0};  // inputs that reached something new
  CoverageMap coverage{};
  std::size_t size = 0;  // of the input at hand, which follows
  char* input() { return reinterpret_cast<char*>(this + 1); }
};

Shared* share(std::size_t most_bytes) {
  void* memory =
      ::mmap(nullptr, sizeof(Shared) + most_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) std::abort();
  return new (memory) Shared;
}

void run_one(Shared& shared, const std::string& input) {
  std::ranges::copy(input, shared.input());
  shared.size = input.size();
  try {
    // A copy of its own size, so that reading past its end is seen.
    const std::vector<char> own(input.begin(), input.end());
    target({own.data(), own.size()});
  } catch (const Error& error) {
    require(error.kind() != ErrorKind::internal, "no input is an internal error");
  }
  ++shared.runs;
}

/// Whether the last run took an edge that none before it took.
bool reached_something_new(const CoverageMap& now, CoverageMap& all) {
  bool is_new = false;
  for (std::size_t i = 0; i < now.size(); ++i) {
    is_new |= now[i] != 0 && all[i] == 0;
    all[i] |= now[i];
  }
  return is_new;
}

[[noreturn]] void run_child(const Line& line, Shared& shared) {
  std::vector<std::string> corpus = read_corpus(line);
  CoverageMap all{};
  coverage_map = &shared.coverage;
  const auto tried = [&](const std::string& input) {
    shared.coverage.fill(0);
    run_one(shared, input);
    return reached_something_new(shared.coverage, all);
  };
  for (const std::string& input : corpus) tried(input);
  Mutator mutator(line.seed, line.most_bytes);
  const auto end = Clock::now() + line.time;
  while (Clock::now() < end) {
    std::string input = mutator.from(corpus);
    if (!tried(input)) continue;
    corpus.push_back(std::move(input));
    ++shared.found;
  }
  std::exit(0);  // lets a leak checker have its say
}

long resident_kilobytes(pid_t child) {
  std::ifstream status(fmt::format("/proc/{}/statm", child));
  long pages = 0, resident = 0;
  status >> pages >> resident;
  return resident * (::sysconf(_SC_PAGESIZE) / 1024);
}

/// What an ended child says of itself; nothing if all is well.
std::string ending(int status) {
  if (WIFSIGNALED(status)) return fmt::format("signal {}", WTERMSIG(status));
  return WEXITSTATUS(status) == 0 ? "" : fmt::format("exit code {}", WEXITSTATUS(status));
}

/// Waits for the child. @return what was wrong, or nothing.
std::string watch(pid_t child, const Shared& shared) {
  std::uint64_t seen = 0;
  auto since = Clock::now();
  int status = 0;
  while (::waitpid(child, &status, WNOHANG) == 0) {
    if (shared.runs != seen) {
      seen = shared.runs;
      since = Clock::now();
    }
    const bool slow = Clock::now() - since > most_time, large = resident_kilobytes(child) > most_kilobytes;
    if (slow || large) {
      ::kill(child, SIGKILL);
      ::waitpid(child, &status, 0);
      return slow ? "too slow" : "too much memory";
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return ending(status);
}

void keep(const Line& line, Shared& shared, const std::string& what) {
  const std::string_view input(shared.input(), shared.size);
  const fs::path path = line.keep / fmt::format("crash-{:016x}", std::hash<std::string_view>{}(input));
  std::ofstream(path, std::ios::binary) << input;
  fmt::print(stderr, "{}: an input of {} bytes is kept as {}\n", what, input.size(), path.string());
}

}  // namespace
}  // namespace stockpot::fuzz

int main(int argc, char** argv) {
  using namespace stockpot::fuzz;
  const Line line = read_line(argc, argv);
  Shared& shared = *share(line.most_bytes);
  const pid_t child = ::fork();
  if (child == 0) run_child(line, shared);
  const std::string wrong = watch(child, shared);
  if (!wrong.empty()) keep(line, shared, wrong);
  const auto edges = std::ranges::count_if(shared.coverage, [](std::uint8_t taken) { return taken != 0; });
  fmt::print("{} inputs, {} of them new to the code, {}\n", shared.runs.load(), shared.found.load(),
             edges > 0 ? "guided" : "blind");
  return wrong.empty() ? 0 : 1;
}
