#include "io/checkpoint.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "io/posix_file.hpp"
#include "support/error_of.hpp"
#include "support/pytorch_bytes.hpp"
#include "support/safetensors_bytes.hpp"
#include "support/temporary_directory.hpp"

namespace stockpot::io {
namespace {

using test::error_of;
using test::TemporaryDirectory;
using test::u8_tensors;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using namespace std::string_literals;

constexpr const char* index_name = "model.safetensors.index.json";

std::vector<std::string> names(const Catalogue& catalogue) {
  std::vector<std::string> all;
  for (const auto& tensor : catalogue.tensors) all.push_back(tensor.info.name);
  return all;
}

std::string file_name_of(const Catalogue& catalogue, const char* tensor) {
  return std::filesystem::path(catalogue.files[catalogue.find(tensor)->file].path).filename();
}

Error refusal(const std::string& path) {
  return error_of([&] { read_catalogue("org/model", path); });
}

/// A folder with config.json, to which tests add weights.
struct ModelFolder : TemporaryDirectory {
  ModelFolder() { write("config.json", R"({"architectures":["A"],"num_hidden_layers":2})"); }
};

/// Two shards and their index.
struct ShardedFolder : ModelFolder {
  ShardedFolder() {
    write("s1", u8_tensors({"c", "a"}));
    write("s2", u8_tensors({"b"}));
    write(index_name, R"({"metadata":{"total_size":12},"weight_map":{"a":"s1","c":"s1","b":"s2"}})");
  }
};

TEST(Checkpoint, OneFileIsReadWithoutConfig) {
  const TemporaryDirectory folder;
  const std::string path = folder.write("any-name", u8_tensors({"b", "a"}));
  const Catalogue catalogue = read_catalogue("m", path);
  EXPECT_EQ(catalogue.model, "m");
  EXPECT_EQ(catalogue.directory, path);
  EXPECT_THAT(names(catalogue), ElementsAre("a", "b"));
  EXPECT_THAT(catalogue.warnings, IsEmpty());
  EXPECT_EQ(catalogue.data_bytes(), 8u);
}

TEST(Checkpoint, OffsetsCountFromTheStartOfTheFile) {
  const TemporaryDirectory folder;
  const Catalogue catalogue = read_catalogue("m", folder.write("f", u8_tensors({"b", "a"})));
  const StoredTensor& second = *catalogue.find("a");
  std::vector<std::byte> data(4);
  PosixSource(catalogue.files[second.file].path).read_at(second.offset, data);
  EXPECT_THAT(data, ElementsAre(std::byte{4}, std::byte{5}, std::byte{6}, std::byte{7}));
  EXPECT_EQ(second.offset + 4, catalogue.files[0].bytes);
}

TEST(Checkpoint, AFolderWithOneFileIsReadWithItsConfig) {
  const ModelFolder folder;
  folder.write("model.safetensors", u8_tensors({"a"}));
  const Catalogue catalogue = read_catalogue("m", folder.path());
  EXPECT_THAT(names(catalogue), ElementsAre("a"));
  EXPECT_THAT(catalogue.config.architectures, ElementsAre("A"));
  EXPECT_EQ(catalogue.config.layer_counts.at(0).layers, 2u);
  EXPECT_THAT(catalogue.warnings, IsEmpty());
}

TEST(Checkpoint, ShardsAreOneListSortedBytewise) {
  const ShardedFolder folder;
  const Catalogue catalogue = read_catalogue("m", folder.path());
  EXPECT_THAT(names(catalogue), ElementsAre("a", "b", "c"));
  EXPECT_EQ(file_name_of(catalogue, "a"), "s1");
  EXPECT_EQ(file_name_of(catalogue, "b"), "s2");
  EXPECT_THAT(catalogue.warnings, IsEmpty());
}

TEST(Checkpoint, TheIndexWinsOverASingleFile) {
  const ShardedFolder folder;
  folder.write("model.safetensors", u8_tensors({"z"}));
  EXPECT_THAT(names(read_catalogue("m", folder.path())), ElementsAre("a", "b", "c"));
}

TEST(Checkpoint, AMissingConfigIsAWarning) {
  const TemporaryDirectory folder;
  folder.write("model.safetensors", u8_tensors({"a"}));
  EXPECT_THAT(read_catalogue("m", folder.path()).warnings, ElementsAre(HasSubstr("config.json is missing")));
}

TEST(Checkpoint, ABrokenConfigIsAnError) {
  const TemporaryDirectory folder;
  folder.write("model.safetensors", u8_tensors({"a"}));
  for (const char* text : {"{", "[]", ""}) {
    folder.write("config.json", text);
    EXPECT_EQ(refusal(folder.path()).class_code(), "ARC001") << text;
  }
}

TEST(Checkpoint, AWrongTotalSizeIsAWarning) {
  const ShardedFolder folder;
  folder.write(index_name, R"({"metadata":{"total_size":13},"weight_map":{"a":"s1","c":"s1","b":"s2"}})");
  EXPECT_THAT(read_catalogue("m", folder.path()).warnings,
              ElementsAre(HasSubstr("total_size is 13, the tensors have 12 bytes")));
}

TEST(Checkpoint, TensorsThatTheIndexDoesNotNameAreIgnoredAndSaidOncePerShard) {
  const ShardedFolder folder;
  folder.write("s1", u8_tensors({"x", "c", "a", "y"}));
  const Catalogue catalogue = read_catalogue("m", folder.path());
  EXPECT_THAT(names(catalogue), ElementsAre("a", "b", "c"));
  EXPECT_THAT(catalogue.warnings, ElementsAre(AllOf(HasSubstr("s1: 2 tensors"), HasSubstr("x, y"))));
}

TEST(Checkpoint, WhereTwoShardsHoldATensorTheIndexDecides) {
  const ShardedFolder folder;
  folder.write("s2", u8_tensors({"a", "b"}));
  EXPECT_EQ(file_name_of(read_catalogue("m", folder.path()), "a"), "s1");
}

TEST(Checkpoint, AShardThatLacksATensorOfTheIndexIsRefused) {
  const ShardedFolder folder;
  folder.write("s1", u8_tensors({"a"}));
  const Error error = refusal(folder.path());
  EXPECT_EQ(error.class_code(), "FMT010");
  EXPECT_THAT(error.what(), AllOf(HasSubstr("tensor  c"), HasSubstr("s1"), HasSubstr("model   org/model")));
}

TEST(Checkpoint, AllMissingShardsAreNamedAtOnce) {
  const ShardedFolder folder;
  std::filesystem::remove(folder / "s1");
  std::filesystem::remove(folder / "s2");
  folder.link("s2", "../blobs/not-downloaded");
  const Error error = refusal(folder.path());
  EXPECT_EQ(error.class_code(), "REF006");
  EXPECT_THAT(error.what(), AllOf(HasSubstr("2 of 2"), HasSubstr("s1, s2")));
}

TEST(Checkpoint, AnIndexCannotLeadOutOfTheFolder) {
  const TemporaryDirectory outside;
  const std::string secret = outside.write("secret", u8_tensors({"a"}));
  for (const std::string& name : {"../secret"s, secret, ".."s}) {
    const ModelFolder folder;
    folder.write(index_name, R"({"weight_map":{"a":")" + name + "\"}}");
    EXPECT_EQ(refusal(folder.path()).class_code(), "FMT002") << name;
  }
}

TEST(Checkpoint, ALinkCannotLeadOutOfTheFolder) {
  const TemporaryDirectory outside;
  for (const char* name : {"model.safetensors", "config.json", index_name}) {
    const ModelFolder folder;
    folder.write("model.safetensors", u8_tensors({"a"}));
    std::filesystem::remove(folder / name);
    folder.link(name, outside.write("secret", u8_tensors({"a"})));
    const Error error = refusal(folder.path());
    EXPECT_EQ(error.class_code(), "FMT003") << name;
    EXPECT_THAT(error.what(), HasSubstr("secret"));
  }
}

TEST(Checkpoint, AFolderBesideWithTheSameBeginningIsOutside) {
  const TemporaryDirectory place;
  place.write("model-secret/w", u8_tensors({"a"}));
  place.link("model/model.safetensors", "../model-secret/w");
  EXPECT_EQ(refusal(place / "model").class_code(), "FMT003");
}

TEST(Checkpoint, LinksInsideTheFolderAndToTheFolderAreFollowed) {
  const ModelFolder folder;
  folder.write("weights/real", u8_tensors({"a"}));
  folder.link("model.safetensors", "weights/real");
  const TemporaryDirectory elsewhere;
  const std::string link = elsewhere.link("link", folder.path());
  EXPECT_THAT(names(read_catalogue("m", link)), ElementsAre("a"));
  EXPECT_EQ(file_name_of(read_catalogue("m", link), "a"), "real");
}

TEST(Checkpoint, AFileGivenByALinkIsRead) {
  const TemporaryDirectory folder, elsewhere;
  const std::string link = folder.link("link", elsewhere.write("w", u8_tensors({"a"})));
  EXPECT_THAT(names(read_catalogue("m", link)), ElementsAre("a"));
}

TEST(Checkpoint, ASnapshotOfAHubCacheMayLinkIntoItsModelFolderOnly) {
  const TemporaryDirectory cache;
  cache.write("models--o--m/blobs/123", u8_tensors({"a"}));
  cache.write("models--o--m/snapshots/c1/config.json", R"({"architectures":["A"]})");
  cache.link("models--o--m/snapshots/c1/model.safetensors", "../../blobs/123");
  EXPECT_THAT(names(read_catalogue("o/m", cache / "models--o--m/snapshots/c1")), ElementsAre("a"));

  cache.write("models--o--other/blobs/456", u8_tensors({"a"}));
  cache.link("models--o--m/snapshots/c2/model.safetensors", "../../../models--o--other/blobs/456");
  EXPECT_EQ(refusal(cache / "models--o--m/snapshots/c2").class_code(), "REF007");
}

TEST(Checkpoint, FifosAreRefusedWithoutWaiting) {
  const ModelFolder folder;
  ASSERT_EQ(::mkfifo((folder / "model.safetensors").c_str(), 0600), 0);
  EXPECT_EQ(refusal(folder.path()).class_code(), "FMT004");
  EXPECT_EQ(refusal(folder / "model.safetensors").class_code(), "FMT004");
}

TEST(Checkpoint, ATruncatedFileIsRefusedAtEveryLength) {
  const TemporaryDirectory folder;
  const std::string whole = u8_tensors({"a"});
  for (std::size_t length = 0; length < whole.size(); ++length) {
    const Error error = refusal(folder.write("f", whole.substr(0, length)));
    EXPECT_EQ(error.class_code(), length < whole.size() - 4 ? "FMT020" : "FMT027") << length;
    EXPECT_THAT(error.what(), HasSubstr("org/model"));
  }
}

TEST(Checkpoint, SeveralFilesWithoutIndexAreReadTogetherWhenTheirNamesDiffer) {
  const ModelFolder folder;
  folder.write("part1.safetensors", u8_tensors({"a"}));
  folder.write("part2.safetensors", u8_tensors({"b"}));
  const Catalogue catalogue = read_catalogue("m", folder.path());
  EXPECT_THAT(names(catalogue), ElementsAre("a", "b"));
  EXPECT_THAT(catalogue.warnings, ElementsAre(HasSubstr("FMT012")));

  folder.write("part3.safetensors", u8_tensors({"a"}));
  const Error error = refusal(folder.path());
  EXPECT_EQ(error.class_code(), "FMT011");
  EXPECT_THAT(error.what(), AllOf(HasSubstr("part1"), HasSubstr("part3"), HasSubstr("tensor  a")));
}

TEST(Checkpoint, VariantsOfTheWeightsAreNotTheWeights) {
  const ModelFolder folder;
  folder.write("weights.safetensors", u8_tensors({"a"}));
  folder.write("model.fp16.safetensors", u8_tensors({"a"}));
  EXPECT_THAT(names(read_catalogue("m", folder.path())), ElementsAre("a"));
}

TEST(Checkpoint, WhatTrainingLeavesBehindDoesNotHideTheWeights) {
  const ModelFolder folder;
  folder.write("weights.safetensors", u8_tensors({"a"}));
  for (const char* name : {"training_args.bin", "optimizer.pt", "rng_state.pth"}) folder.write(name, "");
  EXPECT_THAT(names(read_catalogue("m", folder.path())), ElementsAre("a"));
}

TEST(Checkpoint, PartsOfTensorsAreNotTensors) {
  const TemporaryDirectory folder;
  const auto bytes = test::safetensors_bytes(R"({"__metadata__":{"DCP_SHARDING_INFO":"{}"}})", 0);
  EXPECT_THAT(refusal(folder.write("f", bytes)).what(), HasSubstr("parts of tensors"));
}

struct ForeignFile {
  const char* name;
  std::string bytes;
  const char* code;
  const char* what;
};
void PrintTo(const ForeignFile& f, std::ostream* out) { *out << f.name; }

class ForeignFiles : public ::testing::TestWithParam<ForeignFile> {};

TEST_P(ForeignFiles, AreRecognisedByContentAndNamed) {
  const TemporaryDirectory folder;
  const Error error = refusal(folder.write("model.safetensors", GetParam().bytes));
  EXPECT_EQ(error.class_code(), GetParam().code);
  EXPECT_THAT(error.what(), AllOf(HasSubstr(GetParam().what), HasSubstr("model.safetensors")));
}

const std::string legacy_magic = "\x8A\x0A\x6C\xFC\x9C\x46\xF9\x20\x6A\xA8\x50\x19";
const std::string padding(600, 'x');

INSTANTIATE_TEST_SUITE_P(
    Formats, ForeignFiles,
    ::testing::Values(
        ForeignFile{"Hdf5", "\x89HDF\r\n\x1A\n" + padding, "FMT001", "HDF5"},
        ForeignFile{"Hdf5AfterAUserBlock", std::string(1024, 'u') + "\x89HDF\r\n\x1A\n" + padding, "FMT001", "HDF5"},
        ForeignFile{"Gguf", "GGUF\3\0\0\0"s + padding, "FMT070", "GGUF"},
        ForeignFile{"TorchScript", test::zip_of({{"a/data.pkl", ""}, {"a/constants.pkl", ""}}), "FMT041",
                    "TorchScript"},
        ForeignFile{"Npz", test::zip_of({{"arr_0.npy", ""}}), "FMT001", "zip"},
        ForeignFile{"CutOffZip", "PK\3\4" + padding, "FMT030", "zip"},
        ForeignFile{"LegacyPyTorch", "\x80\x02" + legacy_magic + padding, "FMT040", "older than"},
        ForeignFile{"LegacyPyTorchProtocol4", "\x80\x04\x95" + std::string(8, '\1') + legacy_magic + padding, "FMT040",
                    "older than"},
        ForeignFile{"Tar", std::string(257, 'n') + "ustar" + padding, "FMT040", "tar"},
        ForeignFile{"Numpy", "\x93NUMPY" + padding, "FMT001", "NumPy"},
        ForeignFile{"LfsPointer", "version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "FMT001",
                    "git lfs pull"},
        ForeignFile{"Text", "not a checkpoint at all", "FMT020", "safetensors"}),
    [](const ::testing::TestParamInfo<ForeignFile>& file) { return file.param.name; });

struct ForeignFolder {
  const char* name;
  const char* file;
  const char* code;
  const char* what;
};
void PrintTo(const ForeignFolder& f, std::ostream* out) { *out << f.name; }

class ForeignFolders : public ::testing::TestWithParam<ForeignFolder> {};

TEST_P(ForeignFolders, AreRecognisedByTheirNames) {
  const ModelFolder folder;
  folder.write(GetParam().file, "");
  const Error error = refusal(folder.path());
  EXPECT_EQ(error.class_code(), GetParam().code);
  EXPECT_THAT(error.what(), AllOf(HasSubstr(GetParam().what), HasSubstr(folder.path())));
}

INSTANTIATE_TEST_SUITE_P(Formats, ForeignFolders,
                         ::testing::Values(ForeignFolder{"PyTorch", "final.pt", "FMT001", "name the file itself"},
                                           ForeignFolder{"Ranks", "mp_rank_00", "FMT043", "slices"},
                                           ForeignFolder{"Hdf5", "model.h5", "FMT001", "HDF5"},
                                           ForeignFolder{"Megatron", "latest_checkpointed_iteration.txt", "FMT050",
                                                         "Megatron"},
                                           ForeignFolder{"Adapter", "adapter_config.json", "REF020", "adapter"},
                                           ForeignFolder{"Gguf", "model-q4.gguf", "FMT070", "GGUF"},
                                           ForeignFolder{"Slices", "consolidated.00.pth", "FMT043", "slices"},
                                           ForeignFolder{"Unknown", "notes.txt", "FMT001", "notes.txt"}),
                         [](const ::testing::TestParamInfo<ForeignFolder>& folder) { return folder.param.name; });

TEST(Checkpoint, AnAdapterWithWeightsIsStillNoModel) {
  const ModelFolder folder;
  folder.write("adapter_config.json", "{}");
  folder.write("adapter_model.safetensors", u8_tensors({"a"}));
  EXPECT_EQ(refusal(folder.path()).class_code(), "REF020");
}

TEST(Checkpoint, AFolderOfAHubCacheNamesASnapshot) {
  const ModelFolder folder;
  folder.write("refs/main", "abc");
  folder.write("snapshots/abc/config.json", "{}");
  EXPECT_THAT(refusal(folder.path()).what(), AllOf(HasSubstr("FMT001"), HasSubstr("/snapshots/abc")));
}

TEST(Checkpoint, AnEmptyFolderSaysSo) {
  const TemporaryDirectory folder;
  EXPECT_THAT(refusal(folder.path()).what(), HasSubstr("nothing"));
}

}  // namespace
}  // namespace stockpot::io
