#include "io/pickle_writer.hpp"

#include <gtest/gtest.h>

#include <array>
#include <functional>

#include "io/pickle.hpp"

namespace stockpot::io {
namespace {

using namespace std::string_literals;

std::string written(const std::function<void(PickleWriter&)>& write) {
  PickleWriter out;
  write(out);
  return out.take();
}

std::string integer(std::uint64_t value) {
  return written([&](PickleWriter& out) { out.integer(value); });
}

TEST(PickleWriter, IntegersTakeTheShortestOpcodeThatHasThem) {
  EXPECT_EQ(integer(0), "\x80\x02K\0."s);
  EXPECT_EQ(integer(255), "\x80\x02K\xFF."s);
  EXPECT_EQ(integer(256), "\x80\x02J\0\x01\0\0."s);
  EXPECT_EQ(integer(0x7FFF'FFFF), "\x80\x02J\xFF\xFF\xFF\x7F."s);
  EXPECT_EQ(integer(0x8000'0000), "\x80\x02\x8A\x05\0\0\0\x80\0."s);  // a fifth byte for the sign
  EXPECT_EQ(integer(0x7F'FFFF'FFFF), "\x80\x02\x8A\x05\xFF\xFF\xFF\xFF\x7F."s);
  EXPECT_EQ(integer(0x80'0000'0000), "\x80\x02\x8A\x06\0\0\0\0\x80\0."s);
}

TEST(PickleWriter, AGlobalIsWrittenOnce) {
  const std::string two = written([](PickleWriter& out) {
    out.mark();
    out.global("torch", "Size");
    out.global("torch", "float32");
    out.global("torch", "Size");
    out.tuple();
  });
  EXPECT_EQ(two, "\x80\x02(ctorch\nSize\nq\0ctorch\nfloat32\nq\x01h\0t."s);
}

TEST(PickleWriter, NoNumbersAreAnEmptyTuple) {
  const std::array<std::uint64_t, 2> numbers{7, 300};
  EXPECT_EQ(written([&](PickleWriter& out) { out.numbers(numbers); }), "\x80\x02(K\x07J\x2C\x01\0\0t."s);
  EXPECT_EQ(written([&](PickleWriter& out) { out.numbers({}); }), "\x80\x02)."s);
}

TEST(PickleWriter, WhatIsWrittenIsRead) {
  const std::string bytes = integer(0x1234'5678'9ABC);
  EXPECT_EQ(read_pickle(bytes, "f").root.integer, 0x1234'5678'9ABC);
}

}  // namespace
}  // namespace stockpot::io
