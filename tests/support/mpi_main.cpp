// main() of every MPI test: rank 0 prints as usual, other ranks print their failures, a failure anywhere fails the
// test.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <optional>
#include <string>

#include "comm/environment.hpp"
#include "support/world.hpp"

namespace stockpot::test {
namespace {

std::optional<comm::Communicator> all_ranks;

class FailuresOfOneRank final : public testing::EmptyTestEventListener {
 public:
  explicit FailuresOfOneRank(int rank) : rank_(rank) {}
  void OnTestStart(const testing::TestInfo& test) override {
    // Kept here, because GoogleTest holds a lock during OnTestPartResult and cannot be asked then.
    test_ = std::string(test.test_suite_name()) + '.' + test.name();
  }
  void OnTestPartResult(const testing::TestPartResult& result) override {
    if (!result.failed()) return;
    const char* file = result.file_name() != nullptr ? result.file_name() : "unknown file";
    std::fprintf(stderr, "rank %d: %s\n%s:%d: %s\n", rank_, test_.c_str(), file, result.line_number(),
                 result.message());
  }

 private:
  int rank_;
  std::string test_;
};

}  // namespace

const comm::Communicator& world() { return *all_ranks; }

}  // namespace stockpot::test

int main(int argc, char** argv) {
  testing::InitGoogleMock(&argc, argv);
  stockpot::comm::Environment environment(argc, argv);
  auto& world = stockpot::test::all_ranks.emplace(stockpot::comm::Communicator::world());
  if (!world.is_root()) {
    auto& listeners = testing::UnitTest::GetInstance()->listeners();
    delete listeners.Release(listeners.default_result_printer());
    listeners.Append(new stockpot::test::FailuresOfOneRank(world.rank()));
  }
  const int failed_here = RUN_ALL_TESTS();
  const std::uint64_t passed_everywhere = world.min(failed_here == 0 ? 1u : 0u);
  stockpot::test::all_ranks.reset();
  return passed_everywhere == 1 ? 0 : 1;
}
