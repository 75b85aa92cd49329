#include "plan/plan_frame.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/error.hpp"
#include "plan/quantised.hpp"
#include "plan/unknown_scales.hpp"

namespace stockpot::plan {
namespace {

constexpr std::uint64_t default_shard_bytes = 5'000'000'000;

void take_options(const recipe::MergeDocument& document, const PlanOptions& options, MergePlan& plan) {
  const auto& extensions = document.extensions;
  plan.config.dtype = document.out_dtype ? document.out_dtype : document.dtype;
  plan.adapter_dtype = options.adapter_dtype;
  plan.nonfinite = options.nonfinite.value_or(extensions.nonfinite);
  plan.round_inputs = extensions.round_inputs && document.dtype.has_value();
  plan.round_dtype = document.dtype;
  plan.seed = options.seed ? *options.seed : extensions.seed.value_or(0);
  plan.method = document.moe ? "moe" : document.method;
}

/// The stored copy of a tied head goes before adapters are added: they see the model as one without it.
void drop_tied_copies(Catalogue& model) {
  std::erase_if(model.tensors, [&](const StoredTensor& tensor) {
    return std::ranges::find(model.tied_copies, tensor.info.name) != model.tied_copies.end();
  });
  model.tied_copies.clear();
}

void adapt_models(MergePlan& plan) {
  for (Catalogue& model : plan.models) {
    std::vector<std::string> warnings;
    if (!model.adapters.empty()) drop_tied_copies(model);
    plan.adapted.push_back(adapt(model, warnings));
    for (const std::string& warning : warnings) plan.remarks.push_back(remark_about(model.model, warning));
  }
}

/// Quantised weights become what they decode to, if the recipe allows it.
void decode_models(const recipe::MergeDocument& document, MergePlan& plan) {
  for (Catalogue& model : plan.models) {
    std::vector<std::string> notes;
    find_quantised(model, notes);
    for (const std::string& note : notes) plan.remarks.push_back(remark_of(note, Severity::info));
    if (model.encodings.empty() || document.extensions.dequantize == recipe::Dequantize::automatic) continue;
    throw Error(ErrorKind::corrupt_input, "a model is quantised")
        .code("FMT080")
        .in_tensor(model.encodings.front().coded.info.name)
        .in_model(model.model)
        .hint("the recipe says 'dequantize: refuse'");
  }
  const Catalogue& anchor = plan.models[plan.anchor];
  plan.config.dequantized = anchor.config.quantized || !anchor.encodings.empty();
  const bool is_decoded = !plan.config.dtype && !anchor.encodings.empty();
  if (is_decoded) plan.config.dtype = decoded_dtype;  // config.json may name the type that its authors decoded to
}

}  // namespace

recipe::Diagnostics begin_diagnostics(const recipe::Recipe& recipe) {
  recipe::Diagnostics diagnostics(recipe.path, recipe.text);
  for (const auto& found : recipe.diagnostics.all()) diagnostics.add(found);
  return diagnostics;
}

MergePlan begin_plan(const recipe::MergeDocument& document, std::vector<Catalogue> catalogues, std::uint32_t anchor,
                     const PlanOptions& options) {
  MergePlan plan;
  plan.models = std::move(catalogues);
  plan.anchor = anchor;
  take_options(document, options, plan);
  decode_models(document, plan);
  adapt_models(plan);
  return plan;
}

void raise_mistakes(const std::string& path, const recipe::Diagnostics& diagnostics, const Differences& differences,
                    bool strict) {
  if (differences.empty()) return diagnostics.throw_if_errors(strict);
  std::vector<Remark> report = differences.report(path);
  try {
    diagnostics.throw_if_errors(strict);
  } catch (Error& error) {
    std::vector<Remark> all = error.remarks();
    std::ranges::move(report, std::back_inserter(all));
    throw error.with_parts(std::move(all));
  }
  try {
    differences.raise(path);
  } catch (Error& error) {
    std::vector<Remark> all = diagnostics.remarks(Severity::warning);
    std::ranges::move(report, std::back_inserter(all));
    throw error.with_parts(std::move(all));
  }
}

void finish_plan(const recipe::Recipe& recipe, const recipe::MergeDocument& document, const PlanOptions& options,
                 const Findings& found, MergePlan& plan) {
  refuse_codes_as_numbers(plan);
  std::vector<TensorInfo> outputs;
  outputs.reserve(plan.tensors.size());
  for (const auto& tensor : plan.tensors) outputs.push_back(tensor.output);
  const auto shard_bytes = options.shard_bytes ? options.shard_bytes : document.extensions.shard_bytes;
  plan.shards = partition::make_shards(outputs, shard_bytes.value_or(default_shard_bytes));
  const auto of_recipe = found.diagnostics.remarks();
  plan.remarks.insert(plan.remarks.begin(), of_recipe.begin(), of_recipe.end());
  for (const ModelView& view : found.views.models) {
    for (const std::string& note : view.notes) plan.remarks.push_back(remark_of(note, Severity::info));
  }
  std::ranges::move(found.differences.remarks(recipe.path), std::back_inserter(plan.remarks));
}

}  // namespace stockpot::plan
