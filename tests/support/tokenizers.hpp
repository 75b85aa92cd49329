// Texts of small tokenizers.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

namespace stockpot::test {

/// An entry of added_tokens. @param flags  of single_word, lstrip, rstrip, normalized, special, those that are true.
inline std::string added_token(int id, std::string_view content, std::string_view flags = "special") {
  const auto flag = [&](std::string_view name) { return flags.find(name) != flags.npos; };
  return fmt::format(
      R"({{"id":{},"content":"{}","single_word":{},"lstrip":{},"rstrip":{},"normalized":{},"special":{}}})", id,
      content, flag("single_word"), flag("lstrip"), flag("rstrip"), flag("normalized"), flag("special"));
}

/// @param vocabulary, merges, added  what stands between the brackets.
inline std::string bpe(std::string_view vocabulary, std::string_view merges = "", std::string_view added = "") {
  return fmt::format(
      R"({{"version":"1.0","truncation":null,"padding":null,"added_tokens":[{}],"normalizer":null,"pre_tokenizer":null,)"
      R"("post_processor":null,"decoder":null,"model":{{"type":"BPE","dropout":null,"unk_token":null,)"
      R"("continuing_subword_prefix":null,"end_of_word_suffix":null,"fuse_unk":false,"byte_fallback":false,)"
      R"("ignore_merges":false,"vocab":{{{}}},"merges":[{}]}}}})",
      added, vocabulary, merges);
}

/// @param model  the whole object.
inline std::string tokenizer_with(std::string_view model, std::string_view added = "") {
  return fmt::format(R"({{"version":"1.0","added_tokens":[{}],"model":{}}})", added, model);
}

}  // namespace stockpot::test
