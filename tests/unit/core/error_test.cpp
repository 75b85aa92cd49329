#include "core/error.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <new>
#include <stdexcept>
#include <system_error>

namespace stockpot {
namespace {

using ::testing::HasSubstr;

Error example() {
  return Error(ErrorKind::corrupt_input, "tensor data runs past the end of its shard")
      .code("FMT007")
      .in_file("/models/a.safetensors")
      .in_tensor("w")
      .at_byte(12, 10)
      .hint("copy it again");
}

template <class Thrown>
Error current_of(const Thrown& thrown) {
  try {
    throw thrown;
  } catch (...) {
    return Error::current();
  }
}

TEST(Error, ReportNamesKindCodeFactsInOrderAndHint) {
  EXPECT_STREQ(example().what(),
               "stockpot: bad input [FMT007]: tensor data runs past the end of its shard\n"
               "  file    /models/a.safetensors\n"
               "  tensor  w\n"
               "  byte    12 of 10\n"
               "  hint    copy it again");
}

TEST(Error, NamesFromFilesCannotSteerATerminal) {
  const Error error = Error(ErrorKind::corrupt_input, "bad").in_tensor("w\x1b[2J\n");
  EXPECT_THAT(error.what(), HasSubstr("w\\x1b[2J\\x0a"));
}

TEST(Error, TravelsToAnotherRankUnchanged) {
  const Error arrived = Error::unpack(example().pack());
  EXPECT_STREQ(arrived.what(), example().what());
  EXPECT_EQ(arrived.kind(), ErrorKind::corrupt_input);
  EXPECT_EQ(arrived.class_code(), "FMT007");
  EXPECT_EQ(arrived.context(), example().context());
}

TEST(Error, AReportOfItsOwnTravelsToo) {
  const Remark first{.severity = Severity::error,
                     .code = "CFG006",
                     .file = "r.yml",
                     .line = 1,
                     .column = 2,
                     .message = "unknown key",
                     .help = "",
                     .facts = {{"key", "x"}},
                     .shown = ""};
  const Error error = Error(ErrorKind::recipe, "2 mistakes").with_parts({first, remark_of("line 2", Severity::error)});
  const Error arrived = Error::unpack(error.pack());
  EXPECT_STREQ(arrived.what(), "r.yml:1:2: error[CFG006]: unknown key\nerror: line 2");
  EXPECT_EQ(arrived.remarks(), error.remarks());
}

TEST(Error, IsOneRemarkOfItsOwn) {
  const std::vector<Remark> remarks = example().remarks();
  ASSERT_EQ(remarks.size(), 1u);
  EXPECT_EQ(remarks[0].code, "FMT007");
  EXPECT_EQ(remarks[0].facts, example().context());
  EXPECT_EQ(to_text(remarks[0]), example().what());
}

TEST(Printable, ShowsWhatWouldSteerATerminal) {
  EXPECT_EQ(printable("a\x1b[2J\x7f\n"), "a\\x1b[2J\\x7f\\x0a");
  EXPECT_EQ(printable("\xC2\x9B"
                      "31m"),
            "\\xc2\\x9b31m")
      << "CSI in one character";
  EXPECT_EQ(printable("x\xE2\x80\xAEy\xE2\x81\xA6"), "x\\u202ey\\u2066") << "right to left";
}

TEST(Printable, LeavesOtherTextAsItIs) {
  for (const char* text :
       {"model.layers.0", "\xC3\xA9", "\xE2\x82\xAC", "\xE2\x80\x99", "\xF0\x9F\x8D\xB2", "\xC2\xA0"})
    EXPECT_EQ(printable(text), text);
}

TEST(Printable, ShowsBytesThatAreNoUtf8) {
  EXPECT_EQ(printable("\xFF"), "\\xff");
  EXPECT_EQ(printable("\xC3"), "\\xc3") << "the beginning of a character";
  EXPECT_EQ(printable("\xED\xA0\x80"), "\\xed\\xa0\\x80") << "a surrogate";
  EXPECT_EQ(printable("a\xC0\xAF"), "a\\xc0\\xaf") << "overlong";
}

TEST(Error, FactsAddedOnTheWayUpFollowThoseOfTheOrigin) {
  Error error = example();
  error.in_model("org/b");
  EXPECT_TRUE(error.has("model"));
  EXPECT_FALSE(error.has("line"));
  EXPECT_EQ(error.context().back(), (std::pair<std::string, std::string>("model", "org/b")));
}

TEST(Error, ExitCodesAreThoseThatScriptsRelyOn) {
  EXPECT_EQ(Error(ErrorKind::recipe, "").exit_code(), 3);
  EXPECT_EQ(Error(ErrorKind::corrupt_input, "").exit_code(), 4);
  EXPECT_EQ(Error(ErrorKind::storage, "").exit_code(), 7);
  EXPECT_EQ(Error(ErrorKind::no_space, "").exit_code(), 8);
  EXPECT_EQ(Error(ErrorKind::internal, "").exit_code(), 70);
  EXPECT_EQ(Error(ErrorKind::stopped, "").exit_code(), 75);
}

TEST(Error, WhateverIsThrownBecomesAnError) {
  EXPECT_STREQ(current_of(example()).what(), example().what());
  EXPECT_EQ(current_of(std::bad_alloc()).kind(), ErrorKind::limits);
  EXPECT_EQ(current_of(std::runtime_error("odd")).kind(), ErrorKind::internal);
  EXPECT_EQ(current_of(std::runtime_error("odd")).sentence(), "odd");
  EXPECT_EQ(current_of(42).kind(), ErrorKind::internal);
  EXPECT_EQ(current_of(std::system_error(ENOSPC, std::generic_category())).kind(), ErrorKind::no_space);
  EXPECT_EQ(current_of(std::system_error(EIO, std::generic_category())).kind(), ErrorKind::storage);
}

TEST(SystemError, AFullDiskHasItsOwnExitCode) {
  EXPECT_EQ(system_error(ENOSPC, "write", "/out").kind(), ErrorKind::no_space);
  EXPECT_EQ(system_error(EDQUOT, "write", "/out").kind(), ErrorKind::no_space);
  EXPECT_EQ(system_error(EIO, "write", "/out").kind(), ErrorKind::storage);
  EXPECT_THAT(system_error(EACCES, "open", "/out").what(), HasSubstr("/out"));
}

}  // namespace
}  // namespace stockpot
