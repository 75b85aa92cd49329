// Embeddings that may be the head, too, heads, and their biases, by name.
#pragma once

#include <array>
#include <string_view>

namespace stockpot::plan {

inline constexpr std::array<std::string_view, 7> head_names{
    "lm_head.weight",        "embed_out.weight",       "output_layer.weight",           "lm_head.decoder.weight",
    "lm_head.linear.weight", "vocab_projector.weight", "cls.predictions.decoder.weight"};
inline constexpr std::array<std::string_view, 7> embedding_names{
    "embed_tokens.weight",    "wte.weight",    "embed_in.weight",  "tok_embeddings.weight",
    "word_embeddings.weight", "shared.weight", "embeddings.weight"};
inline constexpr std::array<std::string_view, 6> head_bias_names{"lm_head.bias",         "embed_out.bias",
                                                                 "output_layer.bias",    "cls.predictions.bias",
                                                                 "vocab_projector.bias", "lm_head.decoder.bias"};

}  // namespace stockpot::plan
