// Output heads that are their model's input embedding.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "plan/matching.hpp"

namespace stockpot::plan {

/// Whether a model without head has its embedding for one: unless config.json denies it.
bool says_tied(const Catalogue& model);

/// Whether a stored head is its model's embedding once more, and config.json does not deny that they are tied: then it is
/// no head of its own.
bool is_tied_copy(const Catalogue& model, std::string_view stored_name);

/// Says that such a head is left out.
void note_tied_copy(const MatchContext& context, std::uint32_t model, std::string_view name, Matching& matching);

/// The tensor that a model's head is tied to, or nullptr. Of several embeddings the one whose name begins like the head's.
const ViewedTensor* input_embedding(const ModelView& view, std::string_view head);

/// Whether a tensor is a head of the module that has the embedding which it can be tied to: that has rows of the same
/// length, or one of several that are as near by name has. Those of others, such as a speech model's talker, may have a head's name, too.
/// @param name  in the output.
bool is_head(const ModelView& view, std::string_view name, const ViewedTensor& tensor);

/// What one source has of a head.
struct HeadHolder {
  std::uint32_t model = 0;
  const ViewedTensor* viewed = nullptr;  ///< nullptr: it stores none
};

/// A model without head whose embedding is tied to it has a head: its embedding, which then fills the holder. Nothing
/// happens to tensors that have but a head's name.
/// @return false if no source has a head of its own: then the output needs none.
bool settle_tied_heads(const MatchContext& context, std::string_view name, std::vector<HeadHolder>& holders,
                       Matching& matching);

}  // namespace stockpot::plan
