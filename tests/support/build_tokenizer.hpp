// Building an output's tokenizer, for tests.
#pragma once

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "support/tokenizers.hpp"
#include "tokenizer/output_tokenizer.hpp"
#include "tokenizer/tokenizer_file.hpp"

namespace stockpot::tokenizer {

using recipe::Diagnostics;
using recipe::TokenizerRequest;
using recipe::TokenRequest;
using Source = TokenizerRequest::Source;
using test::added_token;
using test::bpe;

inline recipe::ModelReference reference(const std::string& text) {
  return {.text = text, .path = text, .revision = "", .at = {}};
}

inline ModelTokenizer model(const std::string& name, const std::string& text,
                            std::optional<std::uint64_t> rows = std::nullopt) {
  return {.model = name, .directory = "/models/" + name, .tokenizer = text, .tokenizer_config = {}, .rows = rows};
}

/// One build, with what it reported.
struct Build {
  OutputTokenizer output;
  Diagnostics diagnostics;

  std::vector<std::string> codes() const {
    std::vector<std::string> found;
    for (const auto& d : diagnostics.all()) {
      found.push_back(d.code + (d.severity == recipe::Severity::error ? "!" : ""));
    }
    return found;
  }
  std::string file(const std::string& name) const {
    for (const auto& f : output.files) {
      if (f.name == name) return f.text;
    }
    return "";
  }
  /// "text:id" of the tokens of the output's file, ascending; a '+' after those that are added tokens. Reading gives
  /// the ids that the library gives.
  std::vector<std::string> tokens() const {
    std::vector<std::string> found;
    const std::string text = file("tokenizer.json");
    const TokenizerFile read(text, "output");
    EXPECT_THAT(read.warnings(), testing::IsEmpty()) << "the ids that are written are those that the library gives";
    for (const Token* t : read.tokens()) found.push_back(fmt::format("{}:{}{}", t->text, t->id, t->added ? "+" : ""));
    return found;
  }
};

inline Build build(const TokenizerRequest& request, const std::vector<ModelTokenizer>& models, std::size_t anchor = 0) {
  Build result;
  result.output = build_tokenizer(request, models, anchor, result.diagnostics);
  return result;
}

inline TokenizerRequest from(Source source) {
  TokenizerRequest request;
  request.source = source;
  return request;
}
inline TokenizerRequest from_model(const std::string& name) {
  TokenizerRequest request = from(Source::model);
  request.model = reference(name);
  return request;
}
inline TokenRequest token(const std::string& text, TokenRequest::Source source = TokenRequest::Source::by_models) {
  TokenRequest request;
  request.text = text;
  request.source = source;
  return request;
}
inline TokenizerRequest with_token(Source source, TokenRequest request) {
  TokenizerRequest result = from(source);
  result.tokens.push_back(std::move(request));
  return result;
}

/// A base: three letters, one merge, one special token.
inline const std::string abc = bpe(R"("a":0,"b":1,"c":2,"ab":3)", R"("a b")", added_token(4, "<s>"));

}  // namespace stockpot::tokenizer
