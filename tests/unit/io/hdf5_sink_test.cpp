#include "io/hdf5_sink.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "io/hdf5_checkpoint.hpp"
#include "io/hdf5_types.hpp"
#include "support/error_of.hpp"
#include "support/patterned_output.hpp"
#include "support/temporary_directory.hpp"

namespace stockpot::io {
namespace {

using test::bytes_of_file;
using test::error_of;
using test::pattern_of;
using test::patterned_layout;
using test::TemporaryDirectory;
using test::write_pieces;
using testing::ElementsAre;
using testing::HasSubstr;

void at_once(const std::function<void()>& closure) { closure(); }

void write_all(const OutputLayout& layout, std::uint64_t piece_elements = 514) {
  const auto comm = comm::Communicator::alone();
  Hdf5Sink sink(layout, at_once);
  sink.prepare(comm);
  write_pieces(sink, layout, piece_elements, 0, 1);
  sink.finish(comm);
}

/// A file read through the C library, by nothing of ours but the handles.
class Reader {
 public:
  explicit Reader(const std::string& path) : file_(H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT)) {}

  H5Dataset dataset(const std::string& path) const {
    return H5Dataset(H5Dopen2(file_.id(), path.c_str(), H5P_DEFAULT));
  }

  Shape shape(const std::string& path) const {
    const H5Dataset data = dataset(path);
    const H5Space space(H5Dget_space(data.id()));
    std::vector<hsize_t> extents(static_cast<std::size_t>(H5Sget_simple_extent_ndims(space.id())));
    H5Sget_simple_extent_dims(space.id(), extents.data(), nullptr);
    return {extents.begin(), extents.end()};
  }

  std::vector<std::byte> bytes(const std::string& path) const {
    const H5Dataset data = dataset(path);
    const H5Type type(H5Dget_type(data.id()));
    const H5Space space(H5Dget_space(data.id()));
    std::vector<std::byte> all(static_cast<std::size_t>(H5Sget_simple_extent_npoints(space.id())) *
                               H5Tget_size(type.id()));
    if (!all.empty()) {
      EXPECT_GE(H5Dread(data.id(), type.id(), H5S_ALL, H5S_ALL, H5P_DEFAULT, all.data()), 0);
    }
    return all;
  }

  std::string text_attribute(const std::string& object, const char* name) const {
    const H5Attribute attribute(H5Aopen_by_name(file_.id(), object.c_str(), name, H5P_DEFAULT, H5P_DEFAULT));
    const H5Type type(H5Aget_type(attribute.id()));
    std::string text(H5Tget_size(type.id()), '\0');
    EXPECT_GE(H5Aread(attribute.id(), type.id(), text.data()), 0) << object << ' ' << name;
    return text;
  }

  std::uint64_t number_attribute(const char* name) const {
    const H5Attribute attribute(H5Aopen(file_.id(), name, H5P_DEFAULT));
    std::uint64_t value = 0;
    EXPECT_GE(H5Aread(attribute.id(), H5T_NATIVE_UINT64, &value), 0) << name;
    return value;
  }

 private:
  H5File file_;
};

TEST(Hdf5Sink, EveryTensorReadsBackThroughTheLibrary) {
  const TemporaryDirectory scratch;
  const OutputLayout layout = patterned_layout(scratch.path());
  write_all(layout);
  const Reader reader(scratch / "model.h5");
  const std::vector<std::string> names{
      "model%2Fa%25.weight", "b.weight", "c.bias", "d.scale", "e.empty", "f.mask", "g.codes", "h.steps"};
  for (std::uint32_t t = 0; t < names.size(); ++t) {
    EXPECT_EQ(reader.bytes("/tensors/" + names[t]), pattern_of(layout, t)) << names[t];
    EXPECT_EQ(reader.text_attribute("/tensors/" + names[t], "dtype"), name(layout.tensors[t].dtype));
  }
  EXPECT_EQ(reader.shape("/tensors/b.weight"), (Shape{300, 257}));
  EXPECT_EQ(reader.shape("/tensors/d.scale"), Shape{});
  EXPECT_EQ(reader.shape("/tensors/e.empty"), (Shape{0, 4}));
  EXPECT_EQ(reader.shape("/tensors/g.codes"), (Shape{6, 5}));  // ten 4-bit elements are five bytes
}

TEST(Hdf5Sink, RootSaysWhatTheFileIs) {
  const TemporaryDirectory scratch;
  write_all(patterned_layout(scratch.path()));
  const Reader reader(scratch / "model.h5");
  EXPECT_EQ(reader.text_attribute("/", "format"), "stockpot-checkpoint");
  EXPECT_EQ(reader.text_attribute("/", "producer"), "stockpot 0.1.0");
  EXPECT_EQ(reader.text_attribute("/", "note"), "for a test");
  EXPECT_EQ(reader.number_attribute("format_version"), 1u);
  EXPECT_EQ(reader.number_attribute("tensor_count"), 8u);
}

TEST(Hdf5Sink, CatalogueLeadsToTheBytesWithoutTheLibrary) {
  const TemporaryDirectory scratch;
  const OutputLayout layout = patterned_layout(scratch.path());
  write_all(layout);
  const auto text = Reader(scratch / "model.h5").bytes("/meta/catalogue");
  const auto catalogue = nlohmann::json::parse(reinterpret_cast<const char*>(text.data()),
                                               reinterpret_cast<const char*>(text.data() + text.size()));
  const std::string file = bytes_of_file(scratch / "model.h5");
  ASSERT_EQ(catalogue["tensors"].size(), layout.tensors.size());
  for (std::uint32_t t = 0; t < layout.tensors.size(); ++t) {
    const auto& entry = catalogue["tensors"][layout.tensors[t].name];
    EXPECT_EQ(entry["dtype"], name(layout.tensors[t].dtype));
    EXPECT_EQ(entry["shape"].get<Shape>(), layout.tensors[t].shape);
    const std::string_view found =
        std::string_view(file).substr(entry["offset"].get<std::size_t>(), entry["nbytes"].get<std::size_t>());
    EXPECT_TRUE(std::ranges::equal(std::as_bytes(std::span(found)), pattern_of(layout, t))) << layout.tensors[t].name;
  }
}

TEST(Hdf5Sink, LargeTensorsStartAtPages) {
  const TemporaryDirectory scratch;
  write_all(patterned_layout(scratch.path()));
  const Reader reader(scratch / "model.h5");
  EXPECT_EQ(H5Dget_offset(reader.dataset("/tensors/b.weight").id()) % 4096, 0u);
}

TEST(Hdf5Sink, TheSameTensorsGiveTheSameFileWhateverThePieces) {
  const TemporaryDirectory first, second;
  write_all(patterned_layout(first.path()), 2);
  write_all(patterned_layout(second.path()), 100'000);
  EXPECT_TRUE(bytes_of_file(first / "model.h5") == bytes_of_file(second / "model.h5"));
}

TEST(Hdf5Sink, DescribesItsFileInTheOrderOfItsData) {
  const TemporaryDirectory scratch;
  const OutputLayout layout = patterned_layout(scratch.path());
  const auto comm = comm::Communicator::alone();
  Hdf5Sink sink(layout, at_once);
  sink.prepare(comm);
  sink.finish(comm);
  const auto files = sink.files();
  ASSERT_EQ(files.size(), 1u);
  EXPECT_EQ(files[0].name, "model.h5");
  EXPECT_EQ(files[0].bytes, std::filesystem::file_size(scratch / "model.h5"));
  const Reader reader(scratch / "model.h5");
  EXPECT_EQ(files[0].header, digest_block(reader.bytes("/meta/catalogue")));
  std::vector<haddr_t> offsets;
  for (const std::uint32_t t : files[0].tensors) {
    if (layout.tensors[t].bytes() == 0) continue;
    offsets.push_back(H5Dget_offset(reader.dataset(hdf5_dataset_path(layout.tensors[t].name)).id()));
  }
  EXPECT_EQ(offsets.size(), layout.tensors.size() - 1);
  EXPECT_TRUE(std::ranges::is_sorted(offsets));
}

TEST(Hdf5Sink, WritesRunOnTheMainThread) {
  const TemporaryDirectory scratch;
  const OutputLayout layout = patterned_layout(scratch.path());
  int calls = 0;
  const auto comm = comm::Communicator::alone();
  Hdf5Sink sink(layout, [&](const std::function<void()>& closure) {
    ++calls;
    closure();
  });
  sink.prepare(comm);
  EXPECT_EQ(calls, 0);
  sink.write(2, {0, 5}, pattern_of(layout, 2));
  EXPECT_EQ(calls, 1);
  sink.finish(comm);
}

TEST(Hdf5Sink, AFileOfAnAttemptThatDiedIsMadeAgain) {
  const TemporaryDirectory scratch;
  scratch.write("model.h5", "half a file");
  const comm::Communicator comm = comm::Communicator::alone();
  Hdf5Sink sink(patterned_layout(scratch.path()), at_once);
  sink.prepare(comm);
  EXPECT_EQ(bytes_of_file(scratch / "model.h5").substr(1, 3), "HDF");
}

TEST(Hdf5Checkpoint, AFileInTheWayIsKeptAndTheLibrarysReasonTold) {
  const TemporaryDirectory scratch;
  scratch.write("model.h5", "precious");
  silence_hdf5();
  const Error error = error_of([&] { create_hdf5_checkpoint(scratch / "model.h5", patterned_layout(scratch.path())); });
  EXPECT_EQ(error.kind(), ErrorKind::storage);
  EXPECT_EQ(error.class_code(), "FMT060");
  EXPECT_THAT(error.what(), HasSubstr("File exists"));
  EXPECT_EQ(bytes_of_file(scratch / "model.h5"), "precious");
}

TEST(Hdf5Sink, AFileThatShrankIsFoundAtTheEnd) {
  const TemporaryDirectory scratch;
  const std::string path = scratch / "model.h5";
  const Hdf5Summary summary = create_hdf5_checkpoint(path, patterned_layout(scratch.path()));
  check_hdf5_checkpoint(path, summary.file_bytes, 8);
  EXPECT_THAT(error_of([&] { check_hdf5_checkpoint(path, summary.file_bytes, 9); }).what(), HasSubstr("lost tensors"));
  std::filesystem::resize_file(path, summary.file_bytes - 1);
  EXPECT_THAT(error_of([&] { check_hdf5_checkpoint(path, summary.file_bytes, 8); }).what(), HasSubstr("size"));
}

TEST(Hdf5Types, TheLibraryReadsOurFloatsAsTheNumbersTheyAre) {
  const auto as_float = [](DType dtype, std::vector<std::uint8_t> stored) {
    stored.resize(sizeof(float));
    EXPECT_GE(H5Tconvert(hdf5_type(dtype, "").id(), H5T_NATIVE_FLOAT, 1, stored.data(), nullptr, H5P_DEFAULT), 0);
    float value = 0;
    std::memcpy(&value, stored.data(), sizeof value);
    return value;
  };
  EXPECT_EQ(as_float(DType::bf16, {0x80, 0x3F}), 1.0f);
  EXPECT_EQ(as_float(DType::bf16, {0x7F, 0xFF}), -0x1.FEp127f);
  EXPECT_EQ(as_float(DType::f16, {0xFF, 0x7B}), 65504.0f);
  EXPECT_EQ(as_float(DType::f16, {0x01, 0x00}), 0x1p-24f);
  EXPECT_EQ(as_float(DType::f8_e5m2, {0x7B}), 57344.0f);
}

TEST(Hdf5Types, EveryElementTypeHasItsSize) {
  for (int i = 0; i <= static_cast<int>(DType::u64); ++i) {
    const auto dtype = static_cast<DType>(i);
    EXPECT_EQ(H5Tget_size(hdf5_type(dtype, "").id()), std::max<std::uint64_t>(1, bits(dtype) / 8)) << name(dtype);
  }
}

TEST(Hdf5Types, BytesOfRowsThatEndWithinAByteAreOneDimension) {
  EXPECT_THAT(hdf5_shape({"t", DType::f4, {2, 3}}), ElementsAre(3));
  EXPECT_THAT(hdf5_shape({"t", DType::f6_e2m3, {5, 8}}), ElementsAre(5, 6));
  EXPECT_THAT(hdf5_shape({"t", DType::bf16, {2, 3}}), ElementsAre(2, 3));
}

TEST(Hdf5DatasetPath, EscapesWhatHdf5WouldTakeApart) {
  EXPECT_EQ(hdf5_dataset_path("a/b%c.d"), "/tensors/a%2Fb%25c.d");
  EXPECT_EQ(hdf5_dataset_path("."), "/tensors/%2E");
  EXPECT_EQ(hdf5_dataset_path(std::string_view("a\0b", 3)), "/tensors/a%00b");
  EXPECT_EQ(hdf5_dataset_path(".."), "/tensors/..");
}

}  // namespace
}  // namespace stockpot::io
