#include "io/companions.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>

#include "support/error_of.hpp"
#include "support/temporary_directory.hpp"

namespace stockpot::io {
namespace {

namespace fs = std::filesystem;
using test::bytes_of_file;
using test::error_of;
using test::TemporaryDirectory;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

class CompanionFiles : public testing::Test {
 protected:
  /// Writes the anchor's companions. @return the warnings.
  std::vector<std::string> write(const CompanionRequest& request = {}) {
    fs::create_directory(to);
    const Companions companions = plan_companions(ModelFolder(from), request);
    EXPECT_THAT(written(), IsEmpty()) << "something was written before all was decided";
    write_companions(companions, to);
    return companions.warnings;
  }
  std::vector<std::string> written() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::recursive_directory_iterator(to)) {
      if (entry.is_regular_file() && !entry.is_symlink()) names.push_back(fs::relative(entry.path(), to));
    }
    std::sort(names.begin(), names.end());
    return names;
  }
  std::string output(const std::string& name) const { return bytes_of_file(to + "/" + name); }
  void model_with(std::initializer_list<const char*> names, const std::string& folder = "model") const {
    for (const char* name : names) scratch.write(folder + "/" + name, folder + "'s " + name);
    scratch.write(folder + "/config.json", "{}");
  }

  TemporaryDirectory scratch;
  std::string from = scratch / "model", to = scratch / "out";
};

TEST_F(CompanionFiles, WhatLoadsAModelIsCopiedAndNothingElse) {
  model_with({"tokenizer.json", "tokenizer.model", "generation_config.json", "preprocessor_config.json",
              "model.safetensors", "README.md", "evil.py", "additional_chat_templates/rag.jinja",
              "additional_chat_templates/notes.txt"});
  EXPECT_THAT(write(), IsEmpty());
  EXPECT_THAT(written(), ElementsAre("additional_chat_templates/rag.jinja", "config.json", "generation_config.json",
                                     "preprocessor_config.json", "tokenizer.json", "tokenizer.model"));
  EXPECT_EQ(output("tokenizer.json"), "model's tokenizer.json");
  EXPECT_EQ(output("generation_config.json"), "model's generation_config.json");
}

TEST_F(CompanionFiles, VocabulariesAreKnownByTheirEndings) {
  model_with({"tiktoken.model", "qwen.tiktoken", "source.spm", "notes.txt"});
  fs::create_directory(from + "/old.model");
  EXPECT_THAT(write(), IsEmpty()) << "it has a tokenizer";
  EXPECT_THAT(written(), ElementsAre("config.json", "qwen.tiktoken", "source.spm", "tiktoken.model"));
}

// Code of a model's own.

TEST_F(CompanionFiles, CodeIsCopiedIfAConfigurationNamesSomeOfIt) {
  model_with({"modeling_x.py", "parts.py", "code/other.py", "run.sh"});
  scratch.write("model/config.json", R"({"auto_map": {"AutoModel": "modeling_x.XModel"}})");
  CompanionRequest request;
  request.copy_tokenizer = false;
  EXPECT_THAT(write(request), IsEmpty());
  EXPECT_THAT(written(), ElementsAre("config.json", "modeling_x.py", "parts.py"));
  EXPECT_EQ(output("parts.py"), "model's parts.py");
}

TEST_F(CompanionFiles, CodeOfATokenizerComesWithIt) {
  model_with({"tiktoken.model", "tokenization_x.py"});
  scratch.write("model/tokenizer_config.json", R"({"auto_map": {"AutoTokenizer": ["tokenization_x.X", null]}})");
  EXPECT_THAT(write(), IsEmpty());
  EXPECT_THAT(written(), ElementsAre("config.json", "tiktoken.model", "tokenization_x.py", "tokenizer_config.json"));
}

TEST_F(CompanionFiles, CodeOfAnotherRepositoryStaysThere) {
  model_with({"tokenizer.json", "modeling_x.py"});
  scratch.write("model/config.json", R"({"auto_map": {"AutoModel": "org/x--modeling_x.XModel"}})");
  EXPECT_THAT(write(), IsEmpty());
  EXPECT_THAT(written(), ElementsAre("config.json", "tokenizer.json"));
}

TEST_F(CompanionFiles, CodeThatIsNotThereIsWarnedOf) {
  model_with({"tokenizer.json"});
  scratch.write("secret.py", "x");
  scratch.write("model/config.json",
                R"({"auto_map": {"AutoModel": "../secret.X", "AutoConfig": "configuration_x.X"}})");
  EXPECT_THAT(write(),
              ElementsAre(HasSubstr("../secret.py"), AllOf(StartsWith("ARC033"), HasSubstr("configuration_x.py"))));
  EXPECT_THAT(written(), ElementsAre("config.json", "tokenizer.json"));
}

TEST_F(CompanionFiles, ALinkOfCodeOutOfTheModelIsRefused) {
  scratch.write("secret", "x");
  scratch.write("model/config.json", R"({"auto_map": {"AutoModel": "x.X"}})");
  scratch.link("model/x.py", "../secret");
  EXPECT_EQ(error_of([&] { write(); }).class_code(), "FMT003");
}

TEST_F(CompanionFiles, WithoutTokenizerTheOthersAreCopied) {
  model_with({"tokenizer.json", "generation_config.json", "additional_chat_templates/rag.jinja"});
  CompanionRequest request;
  request.copy_tokenizer = false;
  EXPECT_THAT(write(request), IsEmpty());
  EXPECT_THAT(written(), ElementsAre("config.json", "generation_config.json"));
}

TEST_F(CompanionFiles, TheContentOfALinkIsCopiedInsideAHubCache) {
  scratch.write("models--org--name/blobs/abc", "content");
  from = scratch / "models--org--name/snapshots/1";
  scratch.link("models--org--name/snapshots/1/tokenizer.json", "../../blobs/abc");
  scratch.link("models--org--name/snapshots/1/additional_chat_templates/rag.jinja", "../../../blobs/abc");
  scratch.write("models--org--name/snapshots/1/config.json", "{}");
  EXPECT_THAT(write(), IsEmpty());
  EXPECT_THAT(written(), ElementsAre("additional_chat_templates/rag.jinja", "config.json", "tokenizer.json"));
  EXPECT_EQ(output("tokenizer.json"), "content");
}

TEST_F(CompanionFiles, ALinkOutOfTheModelIsRefused) {
  scratch.write("secret", "x");
  scratch.link("model/tokenizer.json", "../secret");
  EXPECT_EQ(error_of([&] { write(); }).class_code(), "FMT003");
}

TEST_F(CompanionFiles, ALinkToNothingIsWarnedOf) {
  model_with({"tokenizer.json"});
  scratch.link("model/tokenizer.model", "gone");
  scratch.link("model/qwen.tiktoken", "gone");
  scratch.link("model/README.md", "gone");
  EXPECT_THAT(write(), ElementsAre(AllOf(StartsWith("REF006"), HasSubstr("tokenizer.model")),
                                   AllOf(StartsWith("REF006"), HasSubstr("qwen.tiktoken"))));
  EXPECT_THAT(written(), ElementsAre("config.json", "tokenizer.json"));
}

TEST_F(CompanionFiles, ALinkToNothingInAHubCacheIsRefused) {
  from = scratch / "models--org--name/snapshots/1";
  scratch.write("models--org--name/snapshots/1/config.json", "{}");
  scratch.link("models--org--name/snapshots/1/tokenizer.json", "../../blobs/gone");
  const Error error = error_of([&] { write(); });
  EXPECT_EQ(error.class_code(), "REF006");
  EXPECT_THAT(error.what(), HasSubstr("snapshots/1/tokenizer.json"));
}

TEST_F(CompanionFiles, WhatIsMissingIsWarnedOf) {
  fs::create_directory(from);
  EXPECT_THAT(write(), ElementsAre(HasSubstr("config.json"), StartsWith("TOK052")));
}

TEST_F(CompanionFiles, ASingleFileHasNoneAndThatIsWarnedOf) {
  from = scratch.write("model.safetensors", "x");
  EXPECT_THAT(write(), ElementsAre(HasSubstr("single file")));
  EXPECT_THAT(written(), IsEmpty());
}

TEST_F(CompanionFiles, EditsWithoutAConfigAreWarnedOfOneByOne) {
  model_with({"tokenizer.json"});
  fs::remove(from + "/config.json");
  CompanionRequest request;
  request.config.dtype = DType::bf16;  // the weights themselves tell
  request.config.vocab_size = 104;
  request.config.layers = {{"num_hidden_layers", 2, {0, 1, 1}}};
  EXPECT_THAT(write(request), ElementsAre(HasSubstr("has no config.json"),
                                          AllOf(StartsWith("ARC032"), HasSubstr("num_hidden_layers = 3")),
                                          AllOf(StartsWith("ARC032"), HasSubstr("vocab_size = 104"))));
}

TEST_F(CompanionFiles, ConfigAndGenerationConfigAreEdited) {
  scratch.write("model/config.json", R"({"eos_token_id": 2, "vocab_size": 8})");
  scratch.write("model/generation_config.json", R"({"eos_token_id": 3, "top_p": 0.90})");
  CompanionRequest request;
  request.copy_tokenizer = false;
  request.config.vocab_size = 9;
  request.config.token_ids = {{{2, 5}}};
  EXPECT_THAT(write(request), ElementsAre(AllOf(StartsWith("TOK012"), HasSubstr("generation_config.json"))));
  EXPECT_EQ(output("config.json"), "{\n  \"eos_token_id\": 5,\n  \"vocab_size\": 9\n}\n");
  EXPECT_EQ(output("generation_config.json"), "{\n  \"eos_token_id\": 3,\n  \"top_p\": 0.90\n}\n");
}

// A tokenizer of the recipe's own.

class BuiltTokenizer : public CompanionFiles {
 protected:
  BuiltTokenizer() {
    model_with({"tokenizer.json", "tokenizer.model", "generation_config.json", "vocab.txt"});
    model_with({"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "merges.txt", "vocab.json",
                "generation_config.json", "preprocessor_config.json", "chat_template.jinja",
                "additional_chat_templates/rag.jinja"},
               "donor");
    donor_.emplace(scratch / "donor");
  }
  CompanionRequest request_with(std::vector<std::string> not_copied = {}) const {
    CompanionRequest request;
    request.tokenizer = CompanionRequest::Tokenizer{
        {{"tokenizer.json", "built"}, {"tokenizer_config.json", "{\"built\": 1}"}}, &*donor_, std::move(not_copied)};
    return request;
  }

  std::optional<ModelFolder> donor_;
};

TEST_F(BuiltTokenizer, ComesWithTheFilesOfItsDonorAndNoneOfTheAnchors) {
  EXPECT_THAT(write(request_with({"merges.txt", "vocab.json"})), IsEmpty());
  EXPECT_THAT(written(), ElementsAre("additional_chat_templates/rag.jinja", "chat_template.jinja", "config.json",
                                     "generation_config.json", "special_tokens_map.json", "tokenizer.json",
                                     "tokenizer_config.json"));
  EXPECT_EQ(output("tokenizer.json"), "built");
  EXPECT_EQ(output("tokenizer_config.json"), "{\"built\": 1}");
  EXPECT_EQ(output("special_tokens_map.json"), "donor's special_tokens_map.json");
  EXPECT_EQ(output("generation_config.json"), "model's generation_config.json");
}

TEST_F(BuiltTokenizer, LeavesOutWhatAPatternNames) {
  scratch.write("donor/tiktoken.model", "old");
  scratch.write("donor/x.tiktoken", "old");
  scratch.write("donor/tokenizer.model", "old");
  donor_.emplace(scratch / "donor");
  EXPECT_THAT(write(request_with({"merges.txt", "vocab.json", "*.model"})), IsEmpty());
  EXPECT_THAT(written(), testing::Contains("x.tiktoken"));
  EXPECT_THAT(written(), Not(testing::Contains(testing::EndsWith(".model"))));
}

TEST_F(BuiltTokenizer, IsWrittenEvenIfNoneIsToBeCopied) {
  CompanionRequest request = request_with();
  request.copy_tokenizer = false;
  EXPECT_THAT(write(request), IsEmpty());
  EXPECT_EQ(output("tokenizer.json"), "built");
  EXPECT_EQ(output("merges.txt"), "donor's merges.txt");
}

TEST_F(BuiltTokenizer, NeedsNoDonor) {
  CompanionRequest request = request_with();
  request.tokenizer->donor = nullptr;
  EXPECT_THAT(write(request), IsEmpty());
  EXPECT_THAT(written(),
              ElementsAre("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json"));
}

TEST_F(BuiltTokenizer, IsMadeAlsoForAnAnchorOfASingleFile) {
  from = scratch.write("model.safetensors", "x");
  EXPECT_THAT(write(request_with()), ElementsAre(AllOf(HasSubstr("no configuration"), Not(HasSubstr("tokenizer")))));
  EXPECT_EQ(output("tokenizer.json"), "built");
}

// Chat templates.

TEST_F(CompanionFiles, AChatTemplateGoesWhereverReadersLookForIt) {
  model_with({"tokenizer.json", "chat_template.jinja"});
  scratch.write("model/tokenizer_config.json", R"({"chat_template": [{"name": "default"}], "scale": 1e5})");
  scratch.write("model/chat_template.json", R"({"chat_template": "old"})");
  CompanionRequest request;
  request.chat_template = "{{ \"\xc3\xa9\" }}\n";
  EXPECT_THAT(write(request), IsEmpty());
  EXPECT_EQ(output("chat_template.jinja"), "{{ \"\xc3\xa9\" }}\n");
  EXPECT_EQ(output("tokenizer_config.json"),
            "{\n  \"chat_template\": \"{{ \\\"\xc3\xa9\\\" }}\\n\",\n  \"scale\": 1e5\n}\n");
  EXPECT_EQ(output("chat_template.json"), "{\n  \"chat_template\": \"{{ \\\"\xc3\xa9\\\" }}\\n\"\n}\n");
}

TEST_F(CompanionFiles, AChatTemplateMakesItsFilesIfTheyAreMissing) {
  model_with({"tokenizer.json"});
  CompanionRequest request;
  request.chat_template = "{{ x }}";
  EXPECT_THAT(write(request), IsEmpty());
  EXPECT_THAT(written(), ElementsAre("chat_template.jinja", "config.json", "tokenizer.json", "tokenizer_config.json"));
  EXPECT_EQ(output("tokenizer_config.json"), "{\n  \"chat_template\": \"{{ x }}\"\n}\n");
}

TEST_F(CompanionFiles, AChatTemplateWithoutTokenizerIsWarnedOf) {
  model_with({"tokenizer.json", "tokenizer_config.json"});
  CompanionRequest request;
  request.copy_tokenizer = false;
  request.chat_template = "{{ x }}";
  EXPECT_THAT(write(request), ElementsAre(StartsWith("TOK051")));
  EXPECT_THAT(written(), ElementsAre("config.json"));
}

TEST_F(CompanionFiles, ATokenizerConfigThatIsNoObjectIsRefusedByName) {
  model_with({"tokenizer.json"});
  scratch.write("model/tokenizer_config.json", "[]");
  CompanionRequest request;
  request.chat_template = "{{ x }}";
  EXPECT_THAT(error_of([&] { write(request); }).what(), AllOf(HasSubstr("FMT022"), HasSubstr("tokenizer_config.json")));
}

// Stages.

TEST_F(CompanionFiles, ALaterStageTakesThemFromThePlan) {
  scratch.write("model/config.json", R"({"num_hidden_layers": 2, "_name_or_path": "x"})");
  scratch.write("model/tokenizer.json", "vocabulary");
  CompanionRequest first;
  first.config.layers = {{"num_hidden_layers", 2, {0, 1, 1}}};
  const Companions planned = plan_companions(ModelFolder(from), first);
  CompanionRequest second;
  second.config.layers = {{"num_hidden_layers", 3, {0, 1, 2, 2}}};
  const Companions companions = plan_companions(ModelFolder("stage 'half'", planned.files), second);
  EXPECT_THAT(companions.warnings, IsEmpty());
  fs::create_directory(to);
  write_companions(companions, to);
  EXPECT_EQ(output("config.json"), "{\n  \"num_hidden_layers\": 4\n}\n");
  EXPECT_EQ(output("tokenizer.json"), "vocabulary");
}

}  // namespace
}  // namespace stockpot::io
