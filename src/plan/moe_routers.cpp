#include "plan/moe_routers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "plan/gathers.hpp"
#include "plan/head_names.hpp"
#include "plan/shapes.hpp"

namespace stockpot::plan {
namespace {

/// The highest id plus one.
std::uint64_t end_of(const PromptTokens& prompts) {
  std::uint64_t end = 0;
  for (const PromptTokens::Row& row : prompts.rows) {
    for (const auto* tokens : {&row.positive, &row.negative}) {
      if (!tokens->empty()) end = std::max(end, tokens->back().id + 1);
    }
  }
  return end;
}

}  // namespace

RouterMaker::RouterMaker(const recipe::MergeDocument& document, const ModelList& models, const Views& views,
                         std::uint64_t hidden, MergePlan& plan, recipe::Diagnostics& diagnostics)
    : document_(document), views_(views), hidden_(hidden), plan_(plan), diagnostics_(diagnostics) {
  if (document.takes_gate_vectors()) file_ = models.index_of(*document.extensions.gate_vectors);
}

std::optional<RouterMaker::Source> RouterMaker::make(const RouterRows& rows, const ViewedTensor& named) {
  if (document_.moe->has_random_gates()) return drawn(rows, named);
  return document_.moe->has_hidden_gates() ? from_file(rows) : from_prompts(rows);
}

RouterMaker::Source RouterMaker::drawn(const RouterRows& rows, const ViewedTensor& named) {
  const bool uniform = document_.moe->gate_mode == recipe::GateMode::uniform_random;
  const double scale = uniform ? 1.0 / std::sqrt(static_cast<double>(hidden_)) : 1.0;
  const std::uint64_t stream = stream_of(value_domain, document_.base_model->text, rows.name);
  const Gather::Draw draw{uniform ? Distribution::uniform : Distribution::normal, scale, {plan_.seed, stream}};
  const Gather::Part part{plan_.anchor, named.pieces.front().tensor};
  return {gathered(unstored_gather({rows.count, hidden_}, part, {&draw, 1}), plan_.gathers), &named};
}

std::optional<RouterMaker::Source> RouterMaker::from_prompts(const RouterRows& rows) {
  if (!embedding_) embedding_ = find_embedding();
  if (*embedding_ == nullptr) return std::nullopt;
  Gather gather = empty_gather({rows.count, hidden_});
  gather.row_elements = hidden_;
  gather.parts.push_back({plan_.anchor, (*embedding_)->pieces.front().tensor});
  for (std::uint64_t r = 0; r < rows.count; ++r) {
    gather.runs.push_back({r, 1, Gather::Kind::prompts, static_cast<std::uint32_t>(rows.first + r)});
  }
  return Source{gathered(std::move(gather), plan_.gathers), *embedding_};
}

/// The base's, if all tokens have a row there.
const ViewedTensor* RouterMaker::find_embedding() {
  std::string why = "the base model has no embedding of the hidden size that could be read";
  for (const ViewedTensor& tensor : views_.models[plan_.anchor].tensors) {
    if (!ends_with_any(tensor.name, embedding_names) || tensor.shape.size() != 2) continue;
    const bool whole = tensor.pieces.size() == 1 && is_mergeable(tensor.dtype) && tensor.shape[1] == hidden_;
    const std::uint64_t end = end_of(plan_.prompts);
    if (whole && end <= tensor.shape[0]) return &tensor;
    if (!whole) continue;
    why =
        fmt::format("prompts have the token {}, but {} has {} rows", end - 1, printable(tensor.name), tensor.shape[0]);
  }
  diagnostics_.error("MOE010", document_.moe->gate_at, why);
  return nullptr;
}

std::optional<RouterMaker::Source> RouterMaker::from_file(const RouterRows& rows) {
  const ModelView& file = views_.models[file_];
  const std::string name = fmt::format("layer.{}", rows.layer);
  const auto at = std::ranges::find(file.tensors, name, &ViewedTensor::own_name);
  const ViewedTensor* const tensor = at == file.tensors.end() ? nullptr : &*at;
  if (const std::string why = why_not(tensor, name); !why.empty()) {
    if (std::exchange(refused_, true)) return std::nullopt;
    const std::size_t all = document_.moe->experts.size() + document_.moe->shared_experts.size();
    diagnostics_.error(
        "MOE011", document_.extensions.gate_vectors->at, why,
        fmt::format("each layer has a tensor, 'layer.0' and so on, of [{}, {}]: a row for each expert{}", all, hidden_,
                    document_.moe->shared_experts.empty() ? "" : ", that of the shared expert last"));
    return std::nullopt;
  }
  Gather gather = empty_gather({rows.count, hidden_});
  gather.parts.push_back({file_, tensor->pieces.front().tensor});
  gather.runs.push_back({0, rows.count * hidden_, Gather::Kind::stored, 0, rows.first * hidden_});
  return Source{gathered(std::move(gather), plan_.gathers), tensor};
}

/// A shared expert without a gate may have a row all the same: nobody reads it.
std::string RouterMaker::why_not(const ViewedTensor* tensor, const std::string& name) const {
  if (tensor == nullptr) return fmt::format("the file of gate vectors has no tensor '{}'", name);
  const std::uint64_t experts = document_.moe->experts.size();
  const std::uint64_t shared = document_.moe->shared_experts.size();
  const bool fits = tensor->shape == Shape{experts + shared, hidden_};
  if (!fits) return fmt::format("'{}' of the gate vectors is {}", name, to_string(tensor->shape));
  if (is_mergeable(tensor->dtype) && tensor->pieces.size() == 1) return "";
  return fmt::format("'{}' of the gate vectors is in {}, which is not converted", name, stockpot::name(tensor->dtype));
}

}  // namespace stockpot::plan
