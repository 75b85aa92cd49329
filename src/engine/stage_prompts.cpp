#include "engine/stage_prompts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tokenizer/begin_of_text.hpp"
#include "tokenizer/encoder.hpp"

namespace stockpot::engine {
namespace {

constexpr std::size_t max_prompt_bytes = std::size_t{4} << 20;

std::string begin_of_text(const io::ModelFolder& folder) {
  for (const char* name : {"tokenizer_config.json", "special_tokens_map.json"}) {
    const auto text = folder.text(name);
    if (!text) continue;
    std::string begin = tokenizer::begin_of_text(*text, folder.shown(name));
    if (!begin.empty()) return begin;
  }
  return "";
}

/// Turns lists of prompts into counts of tokens.
class PromptCounter {
 public:
  PromptCounter(const tokenizer::Encoder& encoder, std::string begin) : encoder_(encoder), begin_(std::move(begin)) {}

  PromptTokens::Row row(const recipe::Expert& expert) {
    return {count(expert.positive_prompts), count(expert.negative_prompts)};
  }

 private:
  std::vector<PromptTokens::Token> count(const std::vector<std::string>& prompts) {
    std::vector<std::uint32_t> ids;
    for (const std::string& prompt : prompts) {
      bytes_ += begin_.size() + prompt.size();
      if (bytes_ > max_prompt_bytes) throw tokenizer::NotEncodable("the prompts have more than 4 MiB");
      encoder_.encode(begin_ + prompt, deadline_, ids);
    }
    std::ranges::sort(ids);
    std::vector<PromptTokens::Token> tokens;
    for (const std::uint32_t id : ids) {
      if (tokens.empty() || tokens.back().id != id) tokens.push_back({id, 0});
      ++tokens.back().count;
    }
    return tokens;
  }

  const tokenizer::Encoder& encoder_;
  std::string begin_;
  std::size_t bytes_ = 0;
  tokenizer::Deadline deadline_;
};

PromptTokens encode_all(const recipe::MoeRequest& moe, const io::ModelFolder& folder) {
  const auto text = folder.text("tokenizer.json");
  if (!text) throw tokenizer::NotEncodable("it has no tokenizer.json");
  const tokenizer::TokenizerFile file(*text, folder.shown("tokenizer.json"));
  const tokenizer::Encoder encoder(file);
  PromptCounter counter(encoder, begin_of_text(folder));
  PromptTokens tokens;
  for (const recipe::Expert& expert : moe.experts) tokens.rows.push_back(counter.row(expert));
  for (const recipe::Expert& expert : moe.shared_experts) tokens.rows.push_back(counter.row(expert));
  return tokens;
}

}  // namespace

std::optional<PromptTokens> encode_prompts(const recipe::MergeDocument& document, const ShelvedModel& base,
                                           recipe::Diagnostics& diagnostics) {
  if (!document.moe || document.moe->gate_mode != recipe::GateMode::cheap_embed) return std::nullopt;
  try {
    return encode_all(*document.moe, base.tokenizer_folder());
  } catch (const tokenizer::NotEncodable& reason) {
    diagnostics.error("MOE010", document.moe->gate_at,
                      fmt::format("prompts are not made into tokens of {}: {}",
                                  recipe::in_quotes(document.base_model->text), reason.what()),
                      "byte-level and metaspace BPE tokenizers are built in; 'gate_mode: random' needs none, and "
                      "'stockpot: {gate_vectors: FILE}' brings rows made elsewhere");
    return std::nullopt;
  }
}

}  // namespace stockpot::engine
