#include "io/pickle.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/error_of.hpp"
#include "support/pytorch_bytes.hpp"

namespace stockpot::io {
namespace {

using namespace std::string_literals;
using test::error_of;
using test::pickle_of;
using ::testing::HasSubstr;
using Kind = PickleValue::Kind;

PickleValue value_of(const std::string& opcodes) { return read_pickle(pickle_of(opcodes), "f").root; }

Error refusal(const std::string& bytes, const PickleLimits& limits = {}) {
  return error_of([&] { read_pickle(bytes, "f", limits); });
}

TEST(Pickle, NumbersAreLittleEndianTwosComplement) {
  EXPECT_EQ(value_of("K\xFF").integer, 255);
  EXPECT_EQ(value_of("M\x01\x02").integer, 513);
  EXPECT_EQ(value_of("J\xFE\xFF\xFF\xFF").integer, -2);
  EXPECT_EQ(value_of("\x8A\0"s).integer, 0);
  EXPECT_EQ(value_of("\x8A\x01\x80").integer, -128);
  EXPECT_EQ(value_of("\x8A\x02\x80\0"s).integer, 128);
  EXPECT_EQ(value_of("\x8B\x02\0\0\0\0\x01"s).integer, 256);
  EXPECT_EQ(value_of("\x8A\x08\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F").integer, INT64_MAX);
  EXPECT_EQ(value_of("\x8A\x09" + std::string(9, '\1')).kind, Kind::number);
}

TEST(Pickle, CallsBecomeValues) {
  EXPECT_EQ(value_of("ccollections\nOrderedDict\n)R").kind, Kind::dict);
  EXPECT_EQ(value_of("cargparse\nNamespace\n)R").kind, Kind::opaque);
  EXPECT_EQ(value_of("cbuiltins\ngetattr\n)R").kind, Kind::opaque);
  EXPECT_EQ(value_of("ctorch._utils\n_rebuild_anything\n)R").kind, Kind::tensor);
  EXPECT_EQ(value_of("\x8C\x05torch\x8C\x04Size\x93(K\1t\x85R").kind, Kind::tuple);
}

TEST(Pickle, ValuesThatHoldEachOtherAreFine) { EXPECT_EQ(value_of("]q\0h\0a"s).kind, Kind::list); }

TEST(Pickle, WhatWouldRunCodeIsNamedLoudly) {
  for (const char* call : {"cos\nsystem\n", "cposix\nsystem\n", "csubprocess\nPopen\n", "cbuiltins\neval\n",
                           "c__builtin__\nexec\n", "cos.path\njoin\n", "\x8C\x02os\x8C\x06system\x93"}) {
    const Error error = refusal(pickle_of(std::string(call) + "X\2\0\0\0id\x85R"s));
    EXPECT_EQ(error.class_code(), "FMT032") << call;
    EXPECT_THAT(error.what(), HasSubstr("tries to run code")) << call;
  }
}

TEST(Pickle, DamageIsRefused) {
  for (const std::string& bytes : {""s,
                                   "\x80"s,
                                   "\x80\x06N."s,
                                   "\x80\x02."s,
                                   "\x80\x02NN."s,
                                   "\x80\x02(N."s,
                                   "\x80\x02t."s,
                                   "\x80\x02(0N1."s,
                                   "\x80\x02N"s,
                                   "\x80\x02\x8A\xFF"s,
                                   "\x80\x04\x95\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"s,
                                   "\x80\x02h\x05."s,
                                   "\x80\x02}N."s,
                                   "\x80\x02}(Nu."s,
                                   "\x80\x02NNa."s,
                                   "\x80\x02X\xFF\xFF\xFF\xFFx."s,
                                   "\x80\x02I1\n."s,
                                   "\x80\x02NQ."s,
                                   "\x80\x02ctorch"s,
                                   "\x80\x02NN\x93."s,
                                   "\x80\x02)R."s,
                                   "\x80\x02(K\1\x86."s,
                                   "\x80\x02\x8D\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF."s}) {
    EXPECT_EQ(refusal(bytes).class_code(), "FMT032") << testing::PrintToString(bytes);
  }
}

TEST(Pickle, LimitsHold) {
  EXPECT_EQ(refusal(pickle_of("N0N0N"), {.opcodes = 4}).class_code(), "FMT005");
  EXPECT_EQ(refusal(pickle_of(std::string(100, ']') + "l"), {.value_bytes = 1000}).class_code(), "FMT005");
  EXPECT_EQ(refusal(pickle_of(test::pickled("long text")), {.text_bytes = 8}).class_code(), "FMT005");
  EXPECT_EQ(refusal(pickle_of("Nr\xFF\xFF\xFF\xFF")).class_code(), "FMT005");
}

}  // namespace
}  // namespace stockpot::io
