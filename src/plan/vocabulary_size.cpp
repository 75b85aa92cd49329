#include "plan/vocabulary_size.hpp"

#include <fmt/format.h>

#include "plan/head_names.hpp"
#include "plan/shapes.hpp"

namespace stockpot::plan {
namespace {

void compare_rows(const MatchContext& context, const MatchedTensor& tensor, Matching& found) {
  const std::uint32_t model = holders_of(tensor).front().model;
  auto& first = found.first_of_vocabulary;
  if (!first) first = Matching::VocabularyTensor{std::string(tensor.name), tensor.shape.front(), model};
  if (first->rows == tensor.shape.front() || first->model == model) return;
  found.differences.add("TEN004", context.at(model),
                        fmt::format("{} has {} rows in '{}', but {} has {} in '{}'; 'tokenizer:' would give them one "
                                    "vocabulary",
                                    tensor.name, tensor.shape.front(), context.catalogues[model].model, first->name,
                                    first->rows, context.catalogues[first->model].model));
}

}  // namespace

void note_vocabulary(const MatchContext& context, std::uint32_t anchor, const MatchedTensor& tensor, Matching& found) {
  const bool head = ends_with_any(tensor.name, head_names);
  if (tensor.shape.empty() || (!head && !ends_with_any(tensor.name, embedding_names))) return;
  compare_rows(context, tensor, found);
  const ViewedTensor* const anchors = context.views.models[anchor].find(tensor.name);
  if (anchors == nullptr || anchors->shape.empty() || anchors->shape.front() == tensor.shape.front()) return;
  if (!found.vocabulary || !head) found.vocabulary = tensor.shape.front();
}

}  // namespace stockpot::plan
