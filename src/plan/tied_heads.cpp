#include "plan/tied_heads.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "plan/head_names.hpp"
#include "plan/shapes.hpp"

namespace stockpot::plan {
namespace {

bool says_tied(const Catalogue& model) { return model.config.tied_embeddings.value_or(true); }

bool is_own_head(const Catalogue& model, const ViewedTensor& head) {
  return !says_tied(model) || std::ranges::find(model.tied_copies, head.own_name) == model.tied_copies.end();
}

}  // namespace

const ViewedTensor* input_embedding(const ModelView& view) {
  const auto at = std::ranges::find_if(
      view.tensors, [](const ViewedTensor& tensor) { return ends_with_any(tensor.name, embedding_names); });
  return at == view.tensors.end() ? nullptr : &*at;
}

bool settle_tied_heads(const MatchContext& context, std::string_view name, std::vector<HeadHolder>& holders,
                       Matching& matching) {
  const bool any = std::ranges::any_of(holders, [&](const HeadHolder& holder) {
    return holder.viewed != nullptr && is_own_head(context.catalogues[holder.model], *holder.viewed);
  });
  if (!any && !context.extensions.keep_tied_heads) {
    matching.differences.warn("TEN040", context.at(holders.front().model),
                              fmt::format("{} is its model's embedding once more and is not written", name));
    return false;
  }
  matching.has_head = matching.has_head || any;
  for (HeadHolder& holder : holders) {
    const Catalogue& model = context.catalogues[holder.model];
    if (holder.viewed != nullptr || !says_tied(model)) continue;
    holder.viewed = input_embedding(context.views.models[holder.model]);
    if (holder.viewed == nullptr) continue;
    matching.unties_head = matching.unties_head || any;
    matching.differences.warn("TEN040", context.at(holder.model),
                              fmt::format("'{}' has no {} and gives its tied {} instead{}", model.model, name,
                                          holder.viewed->name, any ? "; the output is untied" : ""));
  }
  return true;
}

}  // namespace stockpot::plan
