#include "tokenizer/encoder.hpp"

#include <string>

#include "tokenizer/not_encodable.hpp"

namespace stockpot::tokenizer {
namespace {

const TokenizerFile& checked(const TokenizerFile& file) {
  if (file.type() != TokenizerType::bpe) throw NotEncodable("it is no byte-pair encoding");
  return file;
}

}  // namespace

Encoder::Encoder(const TokenizerFile& file)
    : normalizer_(find_member(checked(file).document(), "normalizer")),
      pre_tokenizer_(find_member(file.document(), "pre_tokenizer")),
      bpe_(file) {
  const Deadline deadline;
  for (const Token* token : file.tokens()) {
    if (!token->added) continue;
    deadline.check();
    if (token->added->normalized) {
      normalized_.add(normalizer_.apply(token->text), *token);
    } else {
      verbatim_.add(token->text, *token);
    }
  }
  verbatim_.finish();
  normalized_.finish();
}

void Encoder::encode(std::string_view text, const Deadline& deadline, std::vector<std::uint32_t>& ids) const {
  for (const TextPart& part : verbatim_.split(text)) {
    if (part.id) {
      ids.push_back(*part.id);
    } else {
      encode_plain(part.text, part.text.data() == text.data(), deadline, ids);
    }
  }
}

void Encoder::encode_plain(std::string_view text, bool first, const Deadline& deadline,
                           std::vector<std::uint32_t>& ids) const {
  const std::string normal = normalizer_.apply(std::string(text));
  for (const TextPart& part : normalized_.split(normal)) {
    if (part.id) {
      ids.push_back(*part.id);
      continue;
    }
    const bool begins = first && part.text.data() == normal.data();
    for (const Word& word : pre_tokenizer_.apply({std::string(part.text), begins}, deadline)) {
      deadline.check();
      bpe_.encode(word.text, ids);
    }
  }
}

}  // namespace stockpot::tokenizer
