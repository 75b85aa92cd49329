#include "io/manifest.hpp"

#include <gmock/gmock.h>

#include "core/error.hpp"
#include "support/error_of.hpp"

namespace stockpot::io {
namespace {

using testing::HasSubstr;

const std::string sha(64, 'a');

Digest digest(const char* two_digits) {
  std::string hex;
  for (int i = 0; i < 16; ++i) hex += two_digits;
  return Digest::parse(hex).value();
}

Manifest example() {
  return {.stockpot_version = "0.1.0",
          .method = "ties",
          .recipe_sha256 = sha,
          .seed = 18'446'744'073'709'551'615u,
          .inputs = {{.model = "org/base", .tensor_table_sha256 = sha, .files = {{"model.safetensors", 12}}}},
          .files = {{"model.safetensors", 4108, digest("01")}},
          .small_files = {},
          .tensors = {{{"a", DType::bf16, {2, 3}}, "model.safetensors", digest("02")},
                      {{"b", DType::f32, {}}, "model.safetensors", digest("03")}}};
}

const std::string example_text =
    R"({"inputs":[{"files":[{"bytes":12,"name":"model.safetensors"}],"model":"org/base","tensor_table_sha256":")" +
    sha +
    R"("}],"method":"ties","numeric_contract":"nc-1","output":{"digest":"xxh3-128-tree-65536","files":[{"bytes":4108,)"
    R"("digest":"01010101010101010101010101010101","name":"model.safetensors"}],"tensors":[{"digest":)"
    R"("02020202020202020202020202020202","dtype":"BF16","file":"model.safetensors","name":"a","shape":[2,3]},)"
    R"({"digest":"03030303030303030303030303030303","dtype":"F32","file":"model.safetensors","name":"b","shape":[]}]},)"
    R"("recipe_sha256":")" +
    sha + R"(","schema_version":1,"seed":18446744073709551615,"stockpot_version":"0.1.0"})" + "\n";

/// The example with one piece of its text replaced.
std::string with(const std::string& old_text, const std::string& new_text) {
  std::string text = example_text;
  const auto at = text.find(old_text);
  EXPECT_NE(at, std::string::npos) << old_text;
  return text.replace(at, old_text.size(), new_text);
}

Error refusal_of(const std::string& text) {
  return test::error_of([&] { parse_manifest(text, "m.json"); });
}

TEST(Manifest, IsCanonicalJson) { EXPECT_EQ(to_json(example()), example_text); }

TEST(Manifest, ComesBackAsItWas) {
  const Manifest back = parse_manifest(example_text, "m.json");
  const Manifest expected = example();
  EXPECT_EQ(to_json(back), example_text);
  EXPECT_EQ(back.method, "ties");
  EXPECT_EQ(back.seed, expected.seed);
  EXPECT_EQ(back.inputs, expected.inputs);
  EXPECT_EQ(back.files, expected.files);
  ASSERT_EQ(back.tensors.size(), 2u);
  EXPECT_EQ(back.tensors[0].info.name, "a");
  EXPECT_EQ(back.tensors[0].info.dtype, DType::bf16);
  EXPECT_EQ(back.tensors[0].info.shape, (Shape{2, 3}));
  EXPECT_EQ(back.tensors[1].digest, digest("03"));
}

TEST(Manifest, NamesOfInputFilesAreText) {
  Manifest odd = example();
  odd.inputs[0].files = {{"back\\slash", 1}, {"line\nfeed", 2}, {R"(mod\xe8le)", 3}};
  EXPECT_EQ(parse_manifest(to_json(odd), "m.json").inputs, odd.inputs);
}

TEST(Manifest, SmallFilesAreListedWhereThereAreAny) {
  Manifest loadable = example();
  loadable.small_files = {{"additional_chat_templates/rag.jinja", 3, digest("04")}, {"config.json", 0, digest("05")}};
  const std::string text = to_json(loadable);
  EXPECT_THAT(text, HasSubstr(R"("small_files":[{"bytes":3,"digest":"0404)"));
  EXPECT_EQ(parse_manifest(text, "m.json").small_files, loadable.small_files);
}

/// The example with one small file.
std::string with_small_file(const std::string& name) {
  return with(R"("tensors":[)", R"("small_files":[{"bytes":1,"digest":"01010101010101010101010101010101","name":")" +
                                    name + R"("}],"tensors":[)");
}

struct Damage {
  const char* what;
  std::string text;
  const char* said;
};

class DamagedManifest : public testing::TestWithParam<Damage> {};

TEST_P(DamagedManifest, IsRefusedWithItsPath) {
  const Error error = refusal_of(GetParam().text);
  EXPECT_EQ(error.kind(), ErrorKind::corrupt_input);
  EXPECT_THAT(error.what(), HasSubstr("m.json"));
  EXPECT_THAT(error.what(), HasSubstr(GetParam().said));
}

INSTANTIATE_TEST_SUITE_P(
    Manifest, DamagedManifest,
    testing::Values(
        Damage{"empty", "", "not valid JSON"}, Damage{"an array", "[]\n", "schema_version"},
        Damage{"cut off", example_text.substr(0, 200), "not valid JSON"},
        Damage{"missing key", with(R"("method":"ties",)", ""), "method"},
        Damage{"unknown key", with(R"("method":)", R"("more":1,"method":)"), "canonical"},
        Damage{"key given twice", with(R"("method":)", R"("method":"slerp","method":)"), "canonical"},
        Damage{"white space", with(R"("method":)", R"("method": )"), "canonical"},
        Damage{"number as text", with(R"("bytes":4108)", R"("bytes":"4108")"), "bytes"},
        Damage{"negative number", with(R"("bytes":4108)", R"("bytes":-4108)"), "bytes"},
        Damage{"fraction", with(R"("bytes":4108)", R"("bytes":4108.0)"), "bytes"},
        Damage{"path as file", with(R"("name":"model.safetensors"}],"tensors")", R"("name":"../model"}],"tensors")"),
               "FMT002"},
        Damage{"path as small file", with_small_file("/etc/passwd"), "FMT002"},
        Damage{"folders in a folder", with_small_file("a/b/c.json"), "FMT002"},
        Damage{"parent of a folder", with_small_file("a/.."), "FMT002"},
        Damage{"weights as small file", with_small_file("model.safetensors"), "twice"},
        Damage{"no small files", with(R"("tensors":[)", R"("small_files":[],"tensors":[)"), "canonical"},
        Damage{"file twice",
               with(R"("name":"model.safetensors"}],"tensors")",
                    R"("name":"model.safetensors"},{"bytes":4108,"digest":"01010101010101010101010101010101",)"
                    R"("name":"model.safetensors"}],"tensors")"),
               "twice"},
        Damage{"tensor in no file", with(R"("file":"model.safetensors","name":"b")", R"("file":"other","name":"b")"),
               "not listed"},
        Damage{"tensor twice", with(R"("name":"b")", R"("name":"a")"), "ascending"},
        Damage{"unknown dtype", with("BF16", "BF17"), "FMT023"},
        Damage{"overflowing shape", with("[2,3]", "[4294967296,4294967296]"), "FMT006"},
        Damage{"bits that overflow", with("[2,3]", "[2305843009213693952]"), "FMT006"},
        Damage{"short digest", with("0202020202020202", "02020202020202"), "32 hexadecimal"},
        Damage{"no SHA-256", with(sha, std::string("x").append(sha, 1)), "64 hexadecimal"},
        Damage{"unknown digest", with("xxh3-128-tree-65536", "md5"), "md5"}),
    [](const auto& damage) {
      std::string name = damage.param.what;
      for (char& c : name) c = c == ' ' || c == '-' ? '_' : c;
      return name;
    });

TEST(Manifest, OfAnotherSchemaOrContractNamesTheVersionThatMadeIt) {
  for (const std::string& text : {with(R"("schema_version":1)", R"("schema_version":2)"), with("nc-1", "nc-2")}) {
    const Error error = refusal_of(text);
    EXPECT_EQ(error.kind(), ErrorKind::recipe);
    EXPECT_THAT(error.what(), HasSubstr("version"));
  }
}

TEST(Manifest, MayHaveMoreValuesThanOtherFiles) {
  Manifest many = example();
  many.tensors.clear();
  for (int t = 0; t < 106'000; ++t) {  // 38 values each: more than 4,000,000 in all
    many.tensors.push_back(
        {{std::to_string(1'000'000 + t), DType::bf16, Shape(32, 1)}, "model.safetensors", digest("02")});
  }
  EXPECT_EQ(parse_manifest(to_json(many), "m.json").tensors.size(), many.tensors.size());
}

TEST(TensorTable, DigestIgnoresFilesAndOffsets) {
  std::vector<StoredTensor> tensors{{{"a", DType::bf16, {2, 3}}, 0, 0}, {{"b", DType::f32, {}}, 0, 12}};
  const std::string expected = sha256_hex("[\"a\",\"BF16\",[2,3]]\n[\"b\",\"F32\",[]]\n");
  EXPECT_EQ(tensor_table_sha256(tensors), expected);
  tensors[1].file = 1;
  tensors[1].offset = 4096;
  EXPECT_EQ(tensor_table_sha256(tensors), expected);
}

}  // namespace
}  // namespace stockpot::io
