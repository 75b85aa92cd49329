#include "plan/row_mapping.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "plan/head_names.hpp"
#include "plan/tied_heads.hpp"
#include "plan/vocabulary_tensors.hpp"

namespace stockpot::plan {
namespace {

/// Matrices with columns of one number, or vectors.
bool same_rows(const Shape& a, const Shape& b) { return a.size() == b.size() && (a.size() == 1 || a[1] == b[1]); }

}  // namespace

bool RowMapping::concerns(const MatchedTensor& tensor, const EmbeddingClass& embeddings) const {
  if (context_.vocabulary == nullptr) return false;
  const VocabularyTensors tensors(context_, embeddings);
  const auto all = viewed_of(tensor);
  const auto sources = holders_of(tensor);
  bool any_follows = false, any_known = false, any_known_follows = false;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (!tensors.may_be(tensor.name, all[i]->shape)) return false;
    const bool follows = tensors.has_row_per_token(sources[i].model, *all[i]);
    const bool known = tensors.is_known(sources[i].model, tensor.name);
    any_follows = any_follows || follows;
    any_known = any_known || known;
    any_known_follows = any_known_follows || (known && follows);
  }
  return embeddings.lists(tensor.name) || (any_known ? any_known_follows : any_follows);
}

bool RowMapping::apply(MatchedTensor& tensor) {
  const auto all = viewed_of(tensor);
  const auto sources = holders_of(tensor);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const ViewedTensor* const viewed = all[i];
    if (viewed->made != nullptr) {
      found_.differences.add(
          "TEN004", context_.at(sources[i].model),
          fmt::format("tensor {} follows the layers and cannot follow a vocabulary, too", tensor.name));
      return false;
    }
    if (same_rows(viewed->shape, all.front()->shape)) continue;
    found_.differences.add("TEN004", context_.at(sources[i].model),
                           fmt::format("tensor {}: rows of {} and {} cannot be put together", tensor.name,
                                       to_string(all.front()->shape), to_string(viewed->shape)));
    return false;
  }
  tensor.shape = all.front()->shape;
  tensor.shape.front() = context_.vocabulary->rows();
  const std::vector<RowHolder> known = holders(tensor);
  if (const std::uint64_t zeros = context_.vocabulary->tokens_without_row(known); zeros > 0) {
    found_.differences.warn("TOK040", who_.method_at,
                            fmt::format("{} tokens have no row in any source of {}: zeros", zeros, tensor.name));
  }
  for (std::size_t i = 0; i < tensor.sources.size(); ++i) remap(tensor, tensor.sources[i], *tensor.viewed[i], known);
  if (tensor.base) remap(tensor, *tensor.base, *tensor.viewed_base, known);
  return true;
}

RowHolder RowMapping::holder(std::uint32_t model, const ViewedTensor& viewed) const {
  return {model, viewed.pieces.front().tensor, viewed.shape.front(), who_.named_base == model};
}

/// The models whose rows default rows are made of; the base counts even if it only gives the tokenizer.
std::vector<RowHolder> RowMapping::holders(const MatchedTensor& tensor) const {
  std::vector<RowHolder> all;
  const auto add = [&](std::uint32_t model, const ViewedTensor& viewed) {
    if (std::ranges::find(all, model, &RowHolder::model) == all.end()) all.push_back(holder(model, viewed));
  };
  for (std::size_t i = 0; i < tensor.sources.size(); ++i) add(tensor.sources[i].model, *tensor.viewed[i]);
  if (tensor.base) add(tensor.base->model, *tensor.viewed_base);
  if (!who_.named_base) return all;
  const ViewedTensor* const bases = matrix_of(*who_.named_base, tensor.name);
  if (bases != nullptr && same_rows(bases->shape, tensor.shape)) add(*who_.named_base, *bases);
  return all;
}

/// A model's matrix of this name; its embedding, where that stands for a head.
const ViewedTensor* RowMapping::matrix_of(std::uint32_t model, std::string_view name) const {
  const ModelView& view = context_.views.models[model];
  const ViewedTensor* const own = view.find(name);
  return own == nullptr && ends_with_any(name, head_names) ? input_embedding(view, name) : own;
}

void RowMapping::remap(const MatchedTensor& tensor, SourceTensor& source, const ViewedTensor& own,
                       std::span<const RowHolder> holders) {
  const auto donor = [&](std::uint32_t model) -> std::optional<RowHolder> {
    const ViewedTensor* const matrix = matrix_of(model, tensor.name);
    if (matrix == nullptr || !same_rows(matrix->shape, own.shape)) return std::nullopt;
    return holder(model, *matrix);
  };
  std::vector<std::string> problems;
  found_.gathers.push_back(
      context_.vocabulary->gather(tensor.shape, holder(source.model, own), holders, donor, problems));
  source.gather = static_cast<std::uint32_t>(found_.gathers.size() - 1);
  for (const std::string& problem : problems) {
    found_.differences.add("TOK030", context_.at(source.model), fmt::format("tensor {}: {}", tensor.name, problem));
  }
}

}  // namespace stockpot::plan
