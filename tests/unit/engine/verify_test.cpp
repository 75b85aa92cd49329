#include "engine/verify.hpp"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <functional>

#include "core/error.hpp"
#include "io/small_file.hpp"
#include "support/error_of.hpp"
#include "support/family.hpp"
#include "support/one_stage.hpp"

namespace stockpot::engine {
namespace {

using testing::HasSubstr;

/// A published merge in two shards, to be damaged.
class Verify : public testing::Test {
 protected:
  void SetUp() override {
    scratch_ = test::make_scratch("stockpot-verify");
    test::write_family(scratch_, test::awkward_tensors(DType::bf16), 2);
    ASSERT_GE(merge("1MB"), 2u);
  }
  void TearDown() override { std::filesystem::remove_all(scratch_); }

  /// @return the number of its files.
  std::size_t merge(const std::string& shard_size) {
    const std::string recipe = scratch_ + "/recipe-" + shard_size + ".yaml";
    io::write_file(recipe,
                   "merge_method: linear\nmodels:\n  - {model: tune-1, parameters: {weight: 1}}\n"
                   "  - {model: tune-2, parameters: {weight: 1}}\nstockpot: {output: {shard_size: " +
                       shard_size + "}}\n");
    out_ = scratch_ + "/out-" + shard_size;
    const test::OneStage one = test::planned_stage(alone_, recipe);
    const plan::MergePlan& plan = one.stage.plan;
    test::merge_stage(alone_, one, {.threads = 2}, out_);
    shard_ = out_ + "/" + plan.shards.front().file_name;
    return plan.shards.size();
  }

  void flip_byte(const std::string& path, std::streamoff at, std::ios::seekdir from = std::ios::beg) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(at, from);
    const char old = static_cast<char>(file.get());
    file.seekp(at, from);
    file.put(static_cast<char>(old ^ 1));
  }
  Error damage_found() {
    return test::error_of([&] { verify_output(alone_, out_, {}); });
  }

  const comm::Communicator alone_ = comm::Communicator::alone();
  std::string scratch_, out_, shard_;
};

TEST_F(Verify, AnOutputAsItWasPublishedPasses) {
  const VerifySummary summary = verify_output(alone_, out_, {.threads = 2, .chunk_bytes = 1});
  EXPECT_EQ(summary.tensors, test::awkward_tensors(DType::bf16).size());
}

TEST_F(Verify, AFlippedByteOfATensorNamesTensorAndFile) {
  flip_byte(shard_, -1, std::ios::end);
  const Error error = damage_found();
  EXPECT_EQ(error.kind(), ErrorKind::mismatch);
  EXPECT_THAT(error.what(), HasSubstr("its bytes differ"));
  EXPECT_THAT(error.what(), HasSubstr(std::filesystem::path(shard_).filename().string()));
}

TEST_F(Verify, ADamagedHeaderIsAMismatchToo) {
  flip_byte(shard_, 8);  // the opening brace
  EXPECT_EQ(damage_found().kind(), ErrorKind::mismatch);
}

TEST_F(Verify, AMissingShardIsAMismatchThatNamesIt) {
  std::filesystem::remove(shard_);
  const Error error = damage_found();
  EXPECT_EQ(error.kind(), ErrorKind::mismatch);
  EXPECT_THAT(error.what(), HasSubstr(std::filesystem::path(shard_).filename().string()));
}

TEST_F(Verify, AMissingIndexIsAMismatch) {
  std::filesystem::remove(out_ + "/model.safetensors.index.json");
  EXPECT_THAT(damage_found().what(), HasSubstr("model.safetensors.index.json: missing"));
}

TEST_F(Verify, AChangedIndexIsAMismatch) {
  std::ofstream(out_ + "/model.safetensors.index.json", std::ios::app) << ' ';
  EXPECT_THAT(damage_found().what(), HasSubstr("model.safetensors.index.json: its bytes differ"));
}

TEST_F(Verify, AMissingOrChangedConfigurationIsAMismatchThatNamesIt) {
  std::ofstream(out_ + "/config.json", std::ios::app) << ' ';
  EXPECT_THAT(damage_found().what(), HasSubstr("config.json: its bytes differ"));
  std::filesystem::remove(out_ + "/config.json");
  const Error error = damage_found();
  EXPECT_EQ(error.kind(), ErrorKind::mismatch);
  EXPECT_THAT(error.what(), HasSubstr("config.json: missing"));
}

TEST_F(Verify, TheModelCardIsThereToBeEdited) {
  std::ofstream(out_ + "/README.md", std::ios::app) << "More about it.\n";
  verify_output(alone_, out_, {});
}

TEST_F(Verify, AWeightFileThatTheMergeDidNotWriteIsNamed) {
  std::filesystem::copy_file(shard_, out_ + "/model-00009-of-00009.safetensors");
  EXPECT_THAT(damage_found().what(), HasSubstr("model-00009-of-00009.safetensors: not of this output"));
}

TEST_F(Verify, WhatALoaderMightTakeForWeightsIsNamed) {
  for (const std::string file : {"pytorch_model.bin", "pytorch_model.bin.index.json", "model.h5", "distcp/.metadata"}) {
    std::filesystem::create_directory(out_ + "/distcp");
    io::write_file(out_ + "/" + file, "{}");
    const Error error = damage_found();
    EXPECT_EQ(error.kind(), ErrorKind::mismatch);
    EXPECT_THAT(error.what(), HasSubstr("manifest says\n  file    " + file + ": not of this output"));
    std::filesystem::remove(out_ + "/" + file);
  }
}

TEST_F(Verify, OneFileHasNoIndex) {
  merge("0");
  const std::string index = out_ + "/model.safetensors.index.json";
  verify_output(alone_, out_, {});
  std::string map;
  for (const TensorInfo& tensor : test::awkward_tensors(DType::bf16)) {
    map += (map.empty() ? "\"" : ",\"") + tensor.name + "\":\"model.safetensors\"";
  }
  io::write_file(index, "{\"weight_map\":{" + map + "}}");
  EXPECT_THAT(damage_found().what(), HasSubstr("model.safetensors.index.json: not of this output"));
}

TEST_F(Verify, AnOutputWithoutManifestIsNoOutput) {
  std::filesystem::remove(out_ + "/stockpot-manifest.json");
  EXPECT_EQ(damage_found().kind(), ErrorKind::corrupt_input);
}

}  // namespace
}  // namespace stockpot::engine
