// Embeddings that are the head, too, and heads, by name.
#pragma once

#include <array>
#include <string_view>

namespace stockpot::plan {

inline constexpr std::array<std::string_view, 3> head_names{"lm_head.weight", "embed_out.weight",
                                                            "output_layer.weight"};
inline constexpr std::array<std::string_view, 5> embedding_names{"embed_tokens.weight", "wte.weight", "embed_in.weight",
                                                                 "tok_embeddings.weight", "word_embeddings.weight"};

}  // namespace stockpot::plan
