#include "io/safetensors.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "core/error.hpp"
#include "support/error_of.hpp"
#include "support/safetensors_bytes.hpp"

namespace stockpot::io {
namespace {

using test::error_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using namespace std::string_literals;

SafetensorsHeader parsed(const std::string& header, std::uint64_t data_bytes) {
  return parse_safetensors_header(header, data_bytes, "model.safetensors");
}

struct Case {
  std::string name;
  std::string header;
  std::uint64_t data_bytes;
  std::string code;  ///< empty: accepted
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.header.substr(0, 200); }

class SafetensorsHeaders : public ::testing::TestWithParam<Case> {};

TEST_P(SafetensorsHeaders, AreAcceptedOrRefusedWithTheirClass) {
  const Case& c = GetParam();
  std::string code;
  try {
    parsed(c.header, c.data_bytes);
  } catch (const Error& error) {
    code = error.class_code();
    EXPECT_EQ(error.kind(), ErrorKind::corrupt_input);
    EXPECT_THAT(error.what(), HasSubstr("model.safetensors"));
  }
  EXPECT_EQ(code, c.code);
}

std::string name_of(const ::testing::TestParamInfo<Case>& info) { return info.param.name; }

std::string tensor(const std::string& name, const std::string& dtype, const std::string& shape,
                   const std::string& offsets) {
  return "\"" + name + R"(":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}";
}
std::string u8(const std::string& shape, const std::string& offsets) {
  return "{" + tensor("a", "U8", shape, offsets) + "}";
}

const std::string six_bf16 = R"({"w":{"dtype":"BF16","shape":[2,3],"data_offsets":[0,12]}})";

// The vectors of the format's description.
INSTANTIATE_TEST_SUITE_P(
    Vectors, SafetensorsHeaders,
    ::testing::Values(
        Case{"NoTensors", "{}", 0, ""}, Case{"Matrix", six_bf16, 12, ""}, Case{"OneByteShort", six_bf16, 11, "FMT027"},
        Case{"OneByteMore", six_bf16, 13, "FMT027"},
        Case{"TooFewBytes", R"({"w":{"dtype":"BF16","shape":[2,3],"data_offsets":[0,10]}})", 10, "FMT025"},
        Case{"HoleAtTheStart", R"({"w":{"dtype":"BF16","shape":[2],"data_offsets":[4,8]}})", 8, "FMT024"},
        Case{"Overlap", "{" + tensor("a", "U8", "[4]", "[0,4]") + "," + tensor("b", "U8", "[4]", "[2,6]") + "}", 6,
             "FMT024"},
        Case{"Scalar", R"({"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}})", 4, ""},
        Case{"EmptyTensor", R"({"a":{"dtype":"F32","shape":[0,7],"data_offsets":[0,0]}})", 0, ""},
        Case{"ThreeHalfBytes", R"({"a":{"dtype":"F4","shape":[3],"data_offsets":[0,1]}})", 1, "FMT026"},
        Case{"EightSixBitElements", R"({"a":{"dtype":"F6_E3M2","shape":[8],"data_offsets":[0,6]}})", 6, ""},
        Case{"ProductOverflows", R"({"a":{"dtype":"I32","shape":[4294967296,4294967296],"data_offsets":[0,0]}})", 0,
             "FMT006"},
        Case{"UnknownType", R"({"a":{"dtype":"F99","shape":[1],"data_offsets":[0,1]}})", 1, "FMT023"},
        Case{"EntryIsANumber", R"({"a":1})", 1, "FMT022"}, Case{"RootIsAnArray", "[]", 1, "FMT022"},
        Case{"OffsetsMissing", R"({"a":{"dtype":"U8","shape":[1]}})", 1, "FMT022"},
        Case{"LetterAfterTheObject", "{}x", 1, "FMT022"}),
    name_of);

// The reference's checks, in its order, as far as they are about the header.
INSTANTIATE_TEST_SUITE_P(
    ReferenceChecks, SafetensorsHeaders,
    ::testing::Values(
        Case{"NotUtf8", "{\"\xFF\":1}", 0, "FMT021"}, Case{"Overlong", "{\"\xC0\xAF\":1}", 0, "FMT021"},
        Case{"SurrogateInUtf8", "{\"\xED\xA0\x80\":1}", 0, "FMT021"}, Case{"CutOffUtf8", "{\"a\xE2\x82", 0, "FMT021"},
        Case{"BeyondUnicode", "{\"\xF4\x90\x80\x80\":1}", 0, "FMT021"}, Case{"NoJson", "hello", 0, "FMT022"},
        Case{"CutOffJson", R"({"a":{"dtype":"U8")", 0, "FMT022"},
        Case{"Hole", "{" + tensor("a", "U8", "[1]", "[0,1]") + "," + tensor("b", "U8", "[1]", "[2,3]") + "}", 3,
             "FMT024"},
        Case{"EndBeforeBegin", "{" + tensor("a", "U8", "[4]", "[0,4]") + "," + tensor("b", "U8", "[0]", "[4,2]") + "}",
             4, "FMT024"},
        Case{"BitsOverflow", R"({"a":{"dtype":"F64","shape":[1152921504606846976],"data_offsets":[0,0]}})", 0,
             "FMT006"},
        Case{"OffsetsComeBeforeOverflow",
             R"({"a":{"dtype":"I32","shape":[4294967296,4294967296],"data_offsets":[1,1]}})", 0, "FMT024"},
        Case{"MisalignedComesBeforeSize", R"({"a":{"dtype":"F4","shape":[3],"data_offsets":[0,7]}})", 7, "FMT026"},
        Case{"SizeComesBeforeLength", u8("[4]", "[0,5]"), 4, "FMT025"}),
    name_of);

std::string nested(int levels) {  // a header object, a tensor and so many arrays in it
  return R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"x":)" +
         std::string(static_cast<std::size_t>(levels), '[') + std::string(static_cast<std::size_t>(levels), ']') + "}}";
}

// What the reference was seen to do, and where Stockpot is stricter.
INSTANTIATE_TEST_SUITE_P(
    EdgeCases, SafetensorsHeaders,
    ::testing::Values(
        Case{"SameNameEqualRanges",
             "{" + tensor("a", "U8", "[1]", "[0,1]") + "," + tensor("a", "U8", "[1]", "[0,1]") + "}", 1, "FMT011"},
        Case{"SameNameOtherRanges",
             "{" + tensor("a", "U8", "[1]", "[0,1]") + "," + tensor("a", "U8", "[1]", "[1,2]") + "}", 2, "FMT011"},
        Case{"SameNameOnceWithEscapes",
             "{" + tensor("a", "U8", "[1]", "[0,1]") + "," + tensor("\\u0061", "U8", "[1]", "[0,1]") + "}", 1,
             "FMT011"},
        Case{"MetadataTwice", R"({"__metadata__":{},"__metadata__":{}})", 0, "FMT022"},
        Case{"FieldTwice", R"({"a":{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 1, "FMT022"},
        Case{"KeyTwiceInMetadata", R"({"__metadata__":{"k":"1","k":"2"}})", 0, ""},
        Case{"MetadataNull", R"({"__metadata__":null})", 0, ""},
        Case{"MetadataNotTexts", R"({"__metadata__":{"k":1}})", 0, "FMT022"},
        Case{"MetadataNested", R"({"__metadata__":{"k":{}}})", 0, "FMT022"},
        Case{"MetadataAnArray", R"({"__metadata__":[]})", 0, "FMT022"},
        Case{"TensorNull", R"({"a":null})", 0, "FMT022"},
        Case{"UnknownField",
             R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"x":{"y":[-1.5,null,"t",{"z":true}]}}})", 1, ""},
        Case{"UnknownFieldScalar", R"({"a":{"x":-1,"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 1, ""},
        Case{"SixteenLevels", nested(14), 1, ""}, Case{"SeventeenLevels", nested(15), 1, "FMT005"},
        Case{"AMillionLevels", nested(1'000'000), 1, "FMT005"},
        Case{"MetadataWithEscapes", R"({"\u005f_metadata__":{"k":"v"}})", 0, ""},
        Case{"EntryAsArray", R"({"a":["F32",[1],[0,4]]})", 4, "FMT022"},
        Case{"TypeAsObject", R"({"a":{"dtype":{"U8":null},"shape":[1],"data_offsets":[0,1]}})", 1, "FMT022"},
        Case{"ShapeAsNumber", u8("1", "[0,1]"), 1, "FMT022"}, Case{"ShapeNested", u8("[[1]]", "[0,1]"), 1, "FMT022"},
        Case{"DimensionAsFraction", u8("[1.0]", "[0,1]"), 1, "FMT022"},
        Case{"DimensionWithExponent", u8("[1e0]", "[0,1]"), 1, "FMT022"},
        Case{"DimensionNegative", u8("[-1]", "[0,1]"), 1, "FMT022"},
        Case{"DimensionMinusZero", u8("[-0]", "[0,0]"), 0, "FMT022"},
        Case{"DimensionWithLeadingZero", u8("[01]", "[0,1]"), 1, "FMT022"},
        Case{"DimensionOf65Bits", u8("[18446744073709551616]", "[0,1]"), 1, "FMT022"},
        Case{"OffsetAsFraction", u8("[1]", "[0,1.0]"), 1, "FMT022"},
        Case{"OffsetNegative", u8("[1]", "[-0,1]"), 1, "FMT022"},
        Case{"OffsetOf65Bits", u8("[1]", "[0,18446744073709551616]"), 1, "FMT022"},
        Case{"OffsetAsText", u8("[1]", R"([0,"1"])"), 1, "FMT022"},
        Case{"HugeNumberInAnUnknownField", R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"x":1e999}})", 1,
             "FMT022"},
        Case{"NanInAnUnknownField", R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"x":NaN}})", 1, "FMT022"},
        Case{"NoBytes", "", 0, "FMT022"}, Case{"WhiteSpaceOnly", " \n\t ", 0, "FMT022"},
        Case{"ThreeOffsets", u8("[1]", "[0,1,1]"), 1, "FMT022"}, Case{"OneOffset", u8("[1]", "[0]"), 1, "FMT022"},
        Case{"LowerCaseType", R"({"a":{"dtype":"u8","shape":[1],"data_offsets":[0,1]}})", 1, "FMT023"},
        Case{"EmptyName", "{" + tensor("", "U8", "[1]", "[0,1]") + "}", 1, "FMT022"},
        Case{"NameThatLooksLikeAPath", "{" + tensor("../x", "U8", "[1]", "[0,1]") + "}", 1, ""},
        Case{"NameTooLong", "{" + tensor(std::string(4097, 'n'), "U8", "[1]", "[0,1]") + "}", 1, "FMT005"},
        Case{"NameAtTheLimit", "{" + tensor(std::string(4096, 'n'), "U8", "[1]", "[0,1]") + "}", 1, ""},
        Case{"EmptyTensorOutOfPlace",
             "{" + tensor("a", "U8", "[4]", "[0,4]") + "," + tensor("b", "U8", "[0]", "[2,2]") + "}", 4, "FMT024"},
        Case{"EmptyTensorBeforeItsNeighbour",
             "{" + tensor("b", "U8", "[4]", "[0,4]") + "," + tensor("a", "U8", "[0]", "[0,0]") + "}", 4, ""},
        Case{"ZeroTimesHuge", u8("[0,18446744073709551615]", "[0,0]"), 0, ""},
        Case{"HugeTimesTwoTimesZero", u8("[18446744073709551615,2,0]", "[0,0]"), 0, "FMT006"},
        Case{"FourSixBitElements", R"({"a":{"dtype":"F6_E2M3","shape":[4],"data_offsets":[0,3]}})", 3, ""},
        Case{"LoneSurrogate", R"({"\ud800":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 1, "FMT022"},
        Case{"NulAfterTheObject", "{}\0"s, 0, "FMT022"}, Case{"NulInAName", "{\"a\0\":1}"s, 0, "FMT022"},
        Case{"SecondObject", "{}{}", 0, "FMT022"}, Case{"ByteOrderMark", "\xEF\xBB\xBF{}", 0, "FMT022"},
        Case{"WhiteSpaceAround", " \r\n\t{} \r\n\t", 0, ""}, Case{"Comment", "{/* */}", 0, "FMT022"},
        Case{"ThirtyTwoDimensions", u8("[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]", "[0,1]"), 1,
             ""},
        Case{"ThirtyThreeDimensions",
             u8("[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]", "[0,1]"), 1, "FMT005"}),
    name_of);

TEST(SafetensorsHeader, TensorsComeInTheOrderOfTheirData) {
  const auto header =
      parsed("{" + tensor("z", "BF16", "[2,3]", "[4,16]") + "," + tensor("a", "F32", "[]", "[0,4]") + "}", 16);
  ASSERT_EQ(header.tensors.size(), 2u);
  EXPECT_EQ(header.tensors[0].info.name, "a");
  EXPECT_THAT(header.tensors[0].info.shape, IsEmpty());
  EXPECT_EQ(header.tensors[0].info.dtype, DType::f32);
  EXPECT_EQ(header.tensors[1].info.name, "z");
  EXPECT_THAT(header.tensors[1].info.shape, ElementsAre(2, 3));
  EXPECT_EQ(header.tensors[1].offset, 4u);
  EXPECT_THAT(header.warnings, IsEmpty());
}

TEST(SafetensorsHeader, MetadataIsKeptAndTheLastOfTwoEqualKeysCounts) {
  const auto header = parsed(R"({"__metadata__":{"k":"1","format":"pt","k":"2"}})", 0);
  EXPECT_EQ(header.metadata, (std::map<std::string, std::string>{{"format", "pt"}, {"k", "2"}}));
  EXPECT_THAT(header.warnings, ElementsAre(HasSubstr("'k' twice"), HasSubstr("no tensors")));
}

TEST(SafetensorsHeader, ErrorsNameTheTensorAndThePlace) {
  const std::string two =
      "{" + tensor("good", "U8", "[1]", "[0,1]") + "," + tensor("evil", "F99", "[1]", "[1,2]") + "}";
  EXPECT_THAT(error_of([&] { parsed(two, 2); }).what(), HasSubstr("tensor  evil"));
  EXPECT_THAT(error_of([&] { parsed("{\"a\":?", 0); }).what(), HasSubstr("byte    14 of 14"));
}

TEST(SafetensorsHeader, NoPrefixOfAHeaderIsAccepted) {
  for (std::size_t length = 0; length < six_bf16.size(); ++length) {
    EXPECT_THROW(parsed(six_bf16.substr(0, length), 12), Error) << length;
  }
}

TEST(SafetensorsLength, IsCheckedAgainstLimitAndFileBeforeAnythingIsAllocated) {
  const auto length = [](std::uint64_t header_bytes, std::uint64_t file_bytes) {
    return safetensors_header_bytes(test::length_bytes(header_bytes), file_bytes, "f");
  };
  EXPECT_EQ(length(2, 10), 2u);
  EXPECT_EQ(length(100'000'000, 100'000'008), 100'000'000u);
  for (const auto& [header_bytes, file_bytes] : {std::pair<std::uint64_t, std::uint64_t>{3, 10},
                                                 {100'000'001, 1u << 31},
                                                 {0xFFFFFFFFFFFFFFFF, 10},
                                                 {0xFFFFFFFFFFFFFFF8, 100}}) {
    EXPECT_EQ(error_of([&] { length(header_bytes, file_bytes); }).class_code(), "FMT020") << header_bytes;
  }
  EXPECT_EQ(error_of([&] { safetensors_header_bytes("1234567", 7, "f"); }).class_code(), "FMT020");
}

/// What the writer made: the JSON without length and padding.
std::string json_of(const std::string& file) {
  const auto end = file.find_last_not_of(' ');
  return file.substr(8, end - 7);
}

TEST(SafetensorsWriter, WritesTheReferencesFormOfJson) {
  const std::vector<PlacedTensor> tensors{{{"w\xC3\xA9\"\\\n\x01", DType::bf16, {2, 3}}, 0},
                                          {{"s", DType::f32, {}}, 12}};
  EXPECT_EQ(json_of(write_safetensors_header(tensors, {{"z", "1"}, {"a", "x\ty"}})),
            R"({"__metadata__":{"a":"x\ty","format":"pt","z":"1"},)"
            "\"w\xC3\xA9\\\"\\\\\\n\\u0001\":"
            R"({"dtype":"BF16","shape":[2,3],"data_offsets":[0,12]},)"
            R"("s":{"dtype":"F32","shape":[],"data_offsets":[12,16]}})");
}

TEST(SafetensorsWriter, AFormatThatWasGivenStays) {
  EXPECT_EQ(json_of(write_safetensors_header({}, {{"format", "flax"}})), R"({"__metadata__":{"format":"flax"}})");
}

TEST(SafetensorsWriter, DataStartsAtAMultipleOf4096) {
  for (std::size_t length = 1; length < 4200; length += 7) {
    const std::string file = write_safetensors_header({{{std::string(length, 'n'), DType::u8, {1}}, 0}}, {});
    EXPECT_EQ(file.size() % 4096, 0u);
    EXPECT_EQ(safetensors_header_bytes(file, file.size(), "f"), file.size() - 8);
  }
}

TEST(SafetensorsWriter, WhatItWritesIsReadBackTheSame) {
  const std::vector<PlacedTensor> tensors{
      {{"b", DType::i64, {1}}, 0}, {{"a", DType::f6_e2m3, {2, 4}}, 8}, {{"e", DType::u8, {0, 9}}, 14}};
  const std::string file = write_safetensors_header(tensors, {{"k", "v"}});
  const auto header = parsed(file.substr(8), 14);
  ASSERT_EQ(header.tensors.size(), tensors.size());
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    EXPECT_EQ(header.tensors[i].info.name, tensors[i].info.name);
    EXPECT_EQ(header.tensors[i].info.dtype, tensors[i].info.dtype);
    EXPECT_EQ(header.tensors[i].info.shape, tensors[i].info.shape);
    EXPECT_EQ(header.tensors[i].offset, tensors[i].offset);
  }
  EXPECT_EQ(header.metadata, (std::map<std::string, std::string>{{"format", "pt"}, {"k", "v"}}));
}

}  // namespace
}  // namespace stockpot::io
