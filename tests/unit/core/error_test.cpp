#include "core/error.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <new>
#include <stdexcept>

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
  const Error error = Error(ErrorKind::recipe, "2 mistakes").with_report("line 1\nline 2");
  EXPECT_STREQ(Error::unpack(error.pack()).what(), "line 1\nline 2");
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
}

TEST(SystemError, AFullDiskHasItsOwnExitCode) {
  EXPECT_EQ(system_error(ENOSPC, "write", "/out").kind(), ErrorKind::no_space);
  EXPECT_EQ(system_error(EDQUOT, "write", "/out").kind(), ErrorKind::no_space);
  EXPECT_EQ(system_error(EIO, "write", "/out").kind(), ErrorKind::storage);
  EXPECT_THAT(system_error(EACCES, "open", "/out").what(), HasSubstr("/out"));
}

}  // namespace
}  // namespace stockpot
