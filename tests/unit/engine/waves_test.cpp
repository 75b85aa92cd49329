// Waves of one rank: the next one's first pass begins while one is merged, and nothing of it can be told from the result.
#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>
#include <mutex>
#include <string>

#include "io/manifest.hpp"
#include "io/small_file.hpp"
#include "support/failing_source.hpp"
#include "support/family.hpp"
#include "support/one_stage.hpp"

namespace stockpot::engine {
namespace {

/// What was done, in order: "o" for a tile that is observed, "m" for one that is merged.
std::mutex mutex;
std::string done;

class Spy final : public methods::TileMethod<Spy> {
 public:
  Spy(const methods::Settings&, const methods::GroupInfo&) {}
  std::optional<methods::TallyShape> next_pass() const override {
    if (is_concluded_) return std::nullopt;
    return methods::TallyShape{.sums = 1};
  }
  void conclude(const methods::Totals&) override { is_concluded_ = true; }
  template <class T>
  void observe_tile(const methods::Tile<T>&, methods::TallyPart) const {
    note('o');
  }
  template <class T>
  void merge_tile(const methods::Tile<T>& in, std::span<T> out) const {
    EXPECT_TRUE(is_concluded_);
    note('m');
    std::ranges::copy(in.base(), out.begin());
  }

 private:
  static void note(char what) {
    const std::lock_guard lock(mutex);
    done += what;
  }
  bool is_concluded_ = false;
};

const methods::MethodSpec spy{
    .name = "spy", .summary = "", .formula = "", .source = "", .parameters = {}, .make = methods::make_method<Spy>};

class WavesTest : public testing::Test {
 protected:
  void SetUp() override {
    scratch_ = test::make_scratch("stockpot-waves");
    test::write_family(scratch_, test::awkward_tensors(DType::bf16), 3);
    done.clear();
  }
  void TearDown() override { std::filesystem::remove_all(scratch_); }

  test::OneStage stage(const std::string& method) {
    const std::string recipe = scratch_ + "/" + method + ".yaml";
    std::string text = "merge_method: " + method + "\nmodels:\n";
    for (const char* model : {"tune-1", "tune-2", "tune-3"}) text += "  - {model: " + std::string(model) + "}\n";
    if (method != "karcher") text += "base_model: base\n";
    if (method == "ties") text += "parameters: {weight: 0.5, density: 0.4}\n";
    io::write_file(recipe, text);
    return test::planned_stage(alone_, recipe);
  }

  test::OneStage spied(std::uint64_t state_bytes) {
    test::OneStage one = stage("model_stock");
    for (plan::Group& group : one.stage.plan.groups) {
      group.method = &spy;
      group.needs = {.passes = 1, .tally = {.sums = 1}, .state_bytes = state_bytes};
    }
    return one;
  }

  static plan::ScheduleOptions options(std::uint64_t memory, std::uint32_t threads) {
    return {.threads = threads, .memory_per_rank = memory, .chunk_bytes = 1 << 17, .unit_bytes = 1 << 18};
  }

  /// The least with which all waves keep their inputs: there are as many of these as can be.
  static std::uint64_t tight_memory(const plan::MergePlan& plan, std::uint32_t threads) {
    return test::least_memory_where(
        plan, [&](std::uint64_t memory) { return options(memory, threads); },
        [](const auto& waves) {
          const auto keeps_all = [](const plan::Wave& wave) { return wave.keep_units == wave.units.size(); };
          if (!std::ranges::all_of(waves, keeps_all)) return false;
          EXPECT_GE(waves.size(), 3u);
          return true;
        });
  }

  JobSummary merge(const test::OneStage& one, std::uint64_t memory, std::uint32_t threads, const std::string& out,
                   const JobOptions& of_job = {}) {
    return test::merge_stage(alone_, one, options(memory, threads), scratch_ + "/" + out, of_job);
  }

  /// By one thread, in tight memory. @return how many waves
  std::size_t merge_in_waves(const test::OneStage& one) {
    const std::uint64_t memory = tight_memory(one.stage.plan, 1);
    merge(one, memory, 1, "out");
    return plan::work_of(one.stage.plan, plan::make_schedule(one.stage.plan, options(memory, 1)), 0).local.size();
  }

  std::string manifest(const std::string& out) const {
    return io::read_file(scratch_ + "/" + out + "/" + std::string(io::manifest_file_name), 1 << 20);
  }

  comm::Communicator alone_ = comm::Communicator::alone();
  std::string scratch_;
};

constexpr std::uint64_t plenty = std::uint64_t{1} << 30;

/// Times that observing followed merging.
std::size_t turns() {
  std::size_t found = 0;
  for (std::size_t at = done.find("mo"); at != std::string::npos; at = done.find("mo", at + 1)) ++found;
  return found;
}

TEST_F(WavesTest, AreMergedWhileTheNextOneIsObserved) {
  const std::size_t waves = merge_in_waves(spied(0));
  EXPECT_GT(turns(), waves);
}

TEST_F(WavesTest, OfMethodsThatHoldMemoryAreOneAfterTheOther) {
  const std::size_t waves = merge_in_waves(spied(1 << 17));
  EXPECT_LT(turns(), waves);
}

TEST_F(WavesTest, ReadAllInputsOnceAndGiveTheSameBytesInAnyMemory) {
  for (const char* method : {"model_stock", "karcher", "ties"}) {
    const auto one = stage(method);
    const std::string whole = std::string(method) + "-whole";
    const JobSummary expected = merge(one, plenty, 2, whole);
    for (const std::uint32_t threads : {1u, 2u, 5u}) {
      const std::string out = method + std::to_string(threads);
      const JobSummary summary = merge(one, tight_memory(one.stage.plan, threads), threads, out);
      EXPECT_EQ(summary.bytes_read, expected.bytes_read) << out;
      EXPECT_EQ(manifest(out), manifest(whole)) << out;
    }
  }
}

TEST_F(WavesTest, GoOnAfterAReadThatFailed) {
  const auto one = stage("model_stock");
  const std::uint64_t memory = tight_memory(one.stage.plan, 1);
  const auto left = std::make_shared<std::atomic<int>>(1'000'000);
  JobOptions counting;
  counting.open = test::failing_after(left);
  merge(one, memory, 1, "whole", counting);
  const int reads = 1'000'000 - *left;
  for (const int tenths : {2, 4, 5, 7, 9}) {
    const std::string out = "out" + std::to_string(tenths);
    JobOptions failing;
    failing.open = test::failing_after(std::make_shared<std::atomic<int>>(reads * tenths / 10));
    EXPECT_THROW(merge(one, memory, 1, out, failing), Error);
    merge(one, memory, 1, out);
    EXPECT_EQ(manifest(out), manifest("whole")) << out;
  }
}

}  // namespace
}  // namespace stockpot::engine
