// A merge that fails half way, and the one that goes on with what it left.
#include <gmock/gmock.h>

#include <atomic>
#include <filesystem>
#include <fstream>

#include "io/manifest.hpp"
#include "io/small_file.hpp"
#include "support/error_of.hpp"
#include "support/failing_source.hpp"
#include "support/family.hpp"
#include "support/one_stage.hpp"

namespace stockpot::engine {
namespace {

using testing::HasSubstr;

class ResumeTest : public testing::Test {
 protected:
  void SetUp() override {
    scratch_ = test::make_scratch("stockpot-resume");
    test::write_family(scratch_, test::awkward_tensors(DType::bf16), 2);
    out_ = scratch_ + "/out";
  }
  void TearDown() override { std::filesystem::remove_all(scratch_); }

  test::OneStage stage(const std::string& method, const std::string& more = "") {
    const std::string recipe = scratch_ + "/recipe.yaml";
    std::filesystem::remove(recipe);
    const bool ties = method == "ties";
    const std::string parameters = ties ? "{weight: 1, density: 0.5}" : "{weight: 1}";
    io::write_file(recipe, "merge_method: " + method + "\n" + (ties ? "base_model: base\n" : "") +
                               "models:\n  - {model: tune-1, parameters: " + parameters +
                               "}\n  - {model: tune-2, parameters: " + parameters + "}\n" + more);
    return test::planned_stage(alone_, recipe);
  }

  JobSummary merge(const test::OneStage& one, const std::string& out, const JobOptions& options = {}) {
    return test::merge_stage(alone_, one,
                             {.threads = 1, .memory_per_rank = memory_, .chunk_bytes = 1 << 17, .unit_bytes = 1 << 18},
                             out, options);
  }

  static std::uint64_t least_memory(const plan::MergePlan& plan) {
    for (std::uint64_t memory = 1 << 20;; memory += 1 << 17) {
      try {
        plan::make_schedule(plan,
                            {.threads = 1, .memory_per_rank = memory, .chunk_bytes = 1 << 17, .unit_bytes = 1 << 18});
        return memory;
      } catch (const Error& error) {
        if (error.kind() != ErrorKind::limits) throw;
      }
    }
  }

  struct Counted {
    JobSummary summary;
    int reads = 0;
  };
  /// An undisturbed merge to "whole", and how many reads it took.
  Counted counted(const test::OneStage& one) {
    constexpr int many = 1'000'000;
    const auto left = std::make_shared<std::atomic<int>>(many);
    JobOptions counting;
    counting.open = test::failing_after(left);
    return {merge(one, scratch_ + "/whole", counting), many - *left};
  }

  /// Fails after so many reads.
  void fail(const test::OneStage& one, int reads) {
    JobOptions options;
    options.open = test::failing_after(std::make_shared<std::atomic<int>>(reads));
    EXPECT_EQ(test::error_of([&] { merge(one, out_, options); }).kind(), ErrorKind::storage);
    EXPECT_FALSE(std::filesystem::exists(out_));
    EXPECT_TRUE(std::filesystem::exists(out_ + ".stockpot/plan.json"));
  }

  static std::string manifest(const std::string& out) {
    return io::read_file(out + "/" + std::string(io::manifest_file_name), 1 << 20);
  }

  comm::Communicator alone_ = comm::Communicator::alone();
  std::string scratch_, out_;
  std::uint64_t memory_ = std::uint64_t{1} << 30;
};

TEST_F(ResumeTest, WhatIsDoneIsNotDoneAgain) {
  const auto one = stage("linear");
  const JobSummary whole = merge(one, scratch_ + "/whole");
  fail(one, 6);
  const JobSummary rest = merge(one, out_);
  EXPECT_GT(rest.units_resumed, 0u);
  EXPECT_LT(rest.units_resumed, rest.units);
  EXPECT_LT(rest.bytes_read, whole.bytes_read);
  EXPECT_EQ(manifest(out_), manifest(scratch_ + "/whole"));
}

TEST_F(ResumeTest, AFileMayHaveANameThatIsNoText) {
  const std::string model = scratch_ + "/tune-1/";
  std::filesystem::rename(model + "model.safetensors", model + "mod\xe8le.safetensors");
  const auto one = stage("linear");
  fail(one, 6);
  EXPECT_GT(merge(one, out_).units_resumed, 0u);
  EXPECT_THAT(manifest(out_), HasSubstr(R"("name":"mod\\xe8le.safetensors")"));
}

TEST_F(ResumeTest, PassesThatWereConcludedAreNotRepeated) {
  const auto one = stage("ties", "parameters: {scope: model}\n");
  memory_ = least_memory(one.stage.plan);  // nothing is kept: each pass reads all inputs, and so does merging
  const Counted whole = counted(one);
  fail(one, whole.reads * 9 / 10);  // while units are merged: at least a fifth of all reads
  const JobSummary rest = merge(one, out_);
  EXPECT_EQ(manifest(out_), manifest(scratch_ + "/whole"));
  EXPECT_GT(rest.units_resumed, 0u);
  EXPECT_LT(rest.bytes_read, whole.summary.bytes_read / 4);
}

TEST_F(ResumeTest, PassesAreWorthKeepingBeforeTheFirstUnitIsDone) {
  const auto one = stage("ties", "parameters: {scope: model}\n");
  memory_ = least_memory(one.stage.plan);
  const Counted whole = counted(one);
  fail(one, whole.reads / 2);  // in a later pass
  const JobSummary rest = merge(one, out_);
  EXPECT_EQ(rest.units_resumed, 0u);
  EXPECT_EQ(manifest(out_), manifest(scratch_ + "/whole"));
  EXPECT_LT(rest.bytes_read, whole.summary.bytes_read);
}

TEST_F(ResumeTest, DamagedBytesAreFoundAndMadeAgain) {
  const auto one = stage("linear");
  merge(one, scratch_ + "/whole");
  fail(one, 6);
  std::fstream staged(out_ + ".stockpot/data/model.safetensors", std::ios::in | std::ios::out | std::ios::binary);
  staged.seekg(0, std::ios::end);
  const auto bytes = staged.tellg();
  for (std::streamoff at = 4096; at < bytes; at += 65536) staged.seekp(at).put('!');
  staged.close();
  JobOptions options;
  options.reliability.resume_check = ResumeCheck::all;
  merge(one, out_, options);
  EXPECT_EQ(manifest(out_), manifest(scratch_ + "/whole"));
  EXPECT_EQ(io::read_file(out_ + "/model.safetensors", 1 << 26),
            io::read_file(scratch_ + "/whole/model.safetensors", 1 << 26));
}

TEST_F(ResumeTest, AShorterFileIsMadeAgain) {
  const auto one = stage("linear");
  merge(one, scratch_ + "/whole");
  fail(one, 6);
  std::filesystem::resize_file(out_ + ".stockpot/data/model.safetensors", 100);
  EXPECT_EQ(merge(one, out_).units_resumed, 0u);
  EXPECT_EQ(manifest(out_), manifest(scratch_ + "/whole"));
}

TEST_F(ResumeTest, AnotherMergeIsRefusedWithWhatDiffers) {
  fail(stage("linear"), 6);
  const auto other = stage("linear", "dtype: float32\n");
  const Error error = test::error_of([&] { merge(other, out_); });
  EXPECT_EQ(error.kind(), ErrorKind::recipe);
  EXPECT_EQ(error.class_code(), "RES001");
  EXPECT_THAT(error.what(), testing::AllOf(HasSubstr("recipe"), HasSubstr("--resume=never")));
  JobOptions anew;
  anew.reliability.resume = Resume::never;
  EXPECT_EQ(merge(other, out_, anew).units_resumed, 0u);
}

TEST_F(ResumeTest, StoppedBeforeTheFirstUnitNothingIsLeft) {
  StopFlag stop;
  stop.raise(Stop::after_units);
  JobOptions options;
  options.stop = &stop;
  EXPECT_EQ(test::error_of([&] { merge(stage("linear"), out_, options); }).kind(), ErrorKind::stopped);
  EXPECT_FALSE(std::filesystem::exists(out_ + ".stockpot"));
}

}  // namespace
}  // namespace stockpot::engine
