#include "plan/tied_heads.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ranges>

#include "plan/head_names.hpp"
#include "plan/shapes.hpp"
#include "plan/tensor_names.hpp"

namespace stockpot::plan {
namespace {

std::size_t shared_components(std::string_view a, std::string_view b) {
  Components left(a), right(b);
  for (std::size_t shared = 0;; ++shared) {
    const auto one = left.next();
    if (!one || one != right.next()) return shared;
  }
}

}  // namespace

bool says_tied(const Catalogue& model) { return model.config.tied_embeddings.value_or(true); }

bool is_tied_copy(const Catalogue& model, std::string_view stored_name) {
  return says_tied(model) && std::ranges::find(model.tied_copies, stored_name) != model.tied_copies.end();
}

void note_tied_copy(const MatchContext& context, std::uint32_t model, std::string_view name, Matching& matching) {
  matching.differences.inform("TEN040", context.at(model),
                              fmt::format("{} is its model's embedding once more and is not written", name));
}

const ViewedTensor* input_embedding(const ModelView& view, std::string_view head) {
  const ViewedTensor* best = nullptr;
  std::size_t most = 0;
  for (const ViewedTensor& tensor : view.tensors) {
    if (!ends_with_any(tensor.name, embedding_names)) continue;
    const std::size_t shared = shared_components(tensor.name, head);
    if (best != nullptr && shared <= most) continue;
    best = &tensor;
    most = shared;
  }
  return best;
}

bool is_head(const ModelView& view, std::string_view name, const ViewedTensor& tensor) {
  if (!ends_with_any(name, head_names)) return false;
  const ViewedTensor* const nearest = input_embedding(view, name);
  if (nearest == nullptr) return true;
  const std::size_t shared = shared_components(nearest->name, name);
  return std::ranges::any_of(view.tensors, [&](const ViewedTensor& other) {
    if (!ends_with_any(other.name, embedding_names) || shared_components(other.name, name) != shared) return false;
    return other.shape.size() == tensor.shape.size() &&
           std::ranges::equal(other.shape | std::views::drop(1), tensor.shape | std::views::drop(1));
  });
}

bool settle_tied_heads(const MatchContext& context, std::string_view name, std::vector<HeadHolder>& holders,
                       Matching& matching) {
  const bool any_head = std::ranges::any_of(holders, [&](const HeadHolder& holder) {
    return holder.viewed != nullptr && is_head(context.views.models[holder.model], name, *holder.viewed);
  });
  if (!any_head) return true;
  const bool any = std::ranges::any_of(holders, [&](const HeadHolder& holder) {
    return holder.viewed != nullptr && !is_tied_copy(context.catalogues[holder.model], holder.viewed->own_name);
  });
  if (!any && !context.extensions.keep_tied_heads) {
    note_tied_copy(context, holders.front().model, name, matching);
    return false;
  }
  matching.has_head = matching.has_head || any;
  const bool others = std::ranges::any_of(holders, [&](const HeadHolder& holder) {
    return holder.viewed != nullptr && holder.model != context.views.anchor;
  });
  matching.changes_head = matching.changes_head || (any && others);
  for (HeadHolder& holder : holders) {
    const Catalogue& model = context.catalogues[holder.model];
    if (holder.viewed != nullptr || !says_tied(model)) continue;
    holder.viewed = input_embedding(context.views.models[holder.model], name);
    if (holder.viewed == nullptr) continue;
    matching.unties_head = matching.unties_head || any;
    matching.differences.inform("TEN040", context.at(holder.model),
                                fmt::format("'{}' has no {} and gives its tied {} instead{}", model.model, name,
                                            holder.viewed->name, any ? "; the output is untied" : ""));
  }
  return true;
}

}  // namespace stockpot::plan
