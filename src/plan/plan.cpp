#include "plan/plan.hpp"

#include <algorithm>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "plan/matching.hpp"
#include "plan/moe_plan.hpp"
#include "plan/plan_builder.hpp"
#include "plan/plan_frame.hpp"
#include "plan/row_mapping.hpp"
#include "plan/selection.hpp"
#include "plan/shapes.hpp"
#include "plan/slices.hpp"
#include "plan/stacked_heads.hpp"
#include "plan/tied_heads.hpp"

namespace stockpot::plan {
namespace {

void warn_about_rounding(const recipe::MergeDocument& document, recipe::Diagnostics& diagnostics) {
  if (!document.extensions.round_inputs || document.dtype) return;
  diagnostics.warn("CFG007", document.method_at, "'round_inputs' has no effect without 'dtype'");
}

/// Matches every slice under the document's method and under that of each override.
class DocumentMatcher {
 public:
  DocumentMatcher(const recipe::MergeDocument& document, const ModelList& models, const MatchContext& context,
                  const Slices& slices, recipe::Diagnostics& diagnostics)
      : document_(document),
        models_(models),
        context_(context),
        slices_(slices),
        diagnostics_(diagnostics),
        selection_(document.extensions) {}

  std::vector<MergedPart> parts(Matching& matching) {
    std::vector<MergedPart> all;
    for (const PlannedSlice& slice : slices_.slices) {
      add_part(slice, std::nullopt, all);
      for (std::size_t o = 0; o < document_.extensions.overrides.size(); ++o) add_part(slice, o, all);
    }
    if (diagnostics_.has_errors()) return all;
    for (std::size_t p = 0; p < all.size(); ++p) {
      const bool first_of_slice = !wanted_[p].override;
      const auto wanted = [&](std::string_view name) {
        const bool excluded = selection_.excludes(name);
        if (excluded && first_of_slice) excluded_.push_back(name);
        return !excluded && selection_.override_of(name) == wanted_[p].override;
      };
      all[p].tensors = match_slice(context_, *wanted_[p].slice, all[p].who, wanted, matching);
    }
    return all;
  }

  /// Names of the tensors that parts() has left out because the document excludes them.
  std::span<const std::string_view> excluded() const { return excluded_; }

  /// Tensors of modules that the document leaves alone, and those that it excludes. Their rows follow the vocabulary, too.
  std::vector<MatchedTensor> copied(Matching& matching) const {
    std::vector<MatchedTensor> all = copied_as_they_are(matching);
    Participants nobody;
    if (document_.base_model) nobody.named_base = context_.views.anchor;
    const EmbeddingClass embeddings(document_.extensions);
    RowMapping rows(context_, nobody, matching);
    for (MatchedTensor& tensor : all) {
      if (rows.concerns(tensor, embeddings)) rows.apply(tensor);
    }
    return all;
  }

 private:
  std::vector<MatchedTensor> copied_as_they_are(Matching& matching) const {
    auto all = copy_all(
        context_, slices_.copied, [](const GivenTensor&) { return true; }, matching);
    if (document_.extensions.exclude_action == recipe::ExcludeAction::drop) return all;
    for (const PlannedSlice& slice : slices_.slices) {
      const GivenTensors& given = anchors(slice);
      const auto excluded = [&](const GivenTensor& tensor) {
        if (!selection_.excludes(tensor.name)) return false;
        const bool tied = is_tied_copy(context_.catalogues[given.model], tensor.viewed->own_name) &&
                          !keeps_tied_copy(given.model, tensor.name);
        if (tied) note_tied_copy(context_, given.model, tensor.name, matching);  // to the embedding that the output has
        return !tied;
      };
      for (auto& tensor : copy_all(context_, given, excluded, matching)) all.push_back(std::move(tensor));
    }
    return all;
  }

  /// Whether an excluded head that is its embedding once more is written. Beside a merged embedding it would be another.
  bool keeps_tied_copy(std::uint32_t model, std::string_view head) const {
    const ViewedTensor* const embedding = input_embedding(context_.views.models[model], head);
    return document_.extensions.keep_tied_heads && embedding != nullptr && selection_.excludes(embedding->name);
  }

  struct Wanted {
    const PlannedSlice* slice;
    std::optional<std::size_t> override;
  };

  void add_part(const PlannedSlice& slice, std::optional<std::size_t> o, std::vector<MergedPart>& all) {
    const auto* override = o ? &document_.extensions.overrides[*o] : nullptr;
    auto who = find_participants(document_, models_, *slice.module, *slice.slice, override, diagnostics_);
    if (!who) return;
    all.push_back({std::move(*who), {}});
    wanted_.push_back({&slice, o});
  }

  /// What the slice gives of the anchor, or of its first source where the anchor is none of them.
  const GivenTensors& anchors(const PlannedSlice& slice) const {
    if (slice.unlisted_base && slice.unlisted_base->model == context_.views.anchor) return *slice.unlisted_base;
    const auto own = std::ranges::find(slice.sources, context_.views.anchor, &GivenTensors::model);
    return own != slice.sources.end() ? *own : slice.sources.front();
  }

  const recipe::MergeDocument& document_;
  const ModelList& models_;
  const MatchContext& context_;
  const Slices& slices_;
  recipe::Diagnostics& diagnostics_;
  Selection selection_;
  std::vector<Wanted> wanted_;  // parallel to the parts
  std::vector<std::string_view> excluded_;
};

/// Whether config.json has to say that embedding and head are two. Without the key that depends on the class of the model:
/// it is left alone for a head that is just the anchor's.
/// @param said_tied  by the anchor's config.json, before any adapter changed the model.
bool unties(const Matching& matching, std::optional<bool> said_tied, const Catalogue& anchor) {
  if (matching.unties_head || !matching.has_head) return matching.unties_head;
  const bool by_adapter = !says_tied(anchor);
  return said_tied.value_or(matching.changes_head || by_adapter);
}

void edit_config(const recipe::MergeDocument& document, const Matching& matching, Slices& slices,
                 const OutputVocabulary* vocabulary, std::optional<bool> said_tied, bool stored_copy, MergePlan& plan) {
  const ModelConfig& anchor = plan.models[plan.anchor].config;
  plan.config.untie_head = unties(matching, said_tied, plan.models[plan.anchor]);
  const bool has_head = matching.has_head || matching.unties_head || document.extensions.keep_tied_heads;
  if (stored_copy && !said_tied && !has_head) {  // to its class, which may not tie by itself, the copy was the head
    plan.config.assignments.push_back(
        {.key = "tie_word_embeddings", .json = "true", .unless = {"tie_word_embeddings"}});
  }
  plan.config.vocab_size = vocabulary != nullptr ? vocabulary->rows : matching.vocabulary;
  plan.config.old_vocab_size = anchor.vocab_size;
  plan.config.layers = std::move(slices.layers);
  const std::string& architecture = document.anchor().override_architecture;
  if (!architecture.empty()) plan.config.architecture = architecture;
}

}  // namespace

std::uint64_t MergePlan::output_bytes() const {
  std::uint64_t sum = 0;
  for (const auto& tensor : tensors) sum += tensor.output.bytes();
  return sum;
}

std::uint64_t MergePlan::input_bytes(std::uint32_t tensor) const {
  const std::uint64_t elements = tensors[tensor].output.elements();  // sources may be larger, and are cut
  std::uint64_t sum = tensors[tensor].base ? read_bytes(*tensors[tensor].base, elements) : 0;
  for (const SourceTensor source : tensors[tensor].sources) sum += read_bytes(source, elements);
  return sum;
}

std::uint64_t MergePlan::read_bytes(SourceTensor source, std::uint64_t elements) const {
  const StoredTensor& stored = models[source.model].tensors[source.tensor];
  if (stored.encoding == StoredTensor::as_it_is) return bytes_of(stored.info.dtype, elements);
  return models[source.model].encodings[stored.encoding].bytes_of_codes(elements);
}

std::span<const AdapterPart> MergePlan::adapter_parts(std::uint32_t model, std::uint32_t tensor) const {
  if (model >= adapted.size()) return {};
  const auto at = adapted[model].find(tensor);
  return at == adapted[model].end() ? std::span<const AdapterPart>() : at->second;
}

MergePlan make_plan(const recipe::Recipe& recipe, const recipe::MergeDocument& document,
                    std::vector<Catalogue> catalogues, const PlanOptions& options, const TextPlan& text) {
  if (document.moe) return plan_experts(recipe, document, std::move(catalogues), options, text.prompts);
  const OutputVocabulary* const vocabulary = text.vocabulary;
  const bool strict = options.strict || document.extensions.strict;
  recipe::Diagnostics diagnostics = begin_diagnostics(recipe);
  const ModelList models(document);
  const std::uint32_t anchor = models.index_of(document.anchor());
  const std::optional<bool> said_tied = catalogues[anchor].config.tied_embeddings;
  const bool stored_copy = !catalogues[anchor].tied_copies.empty();
  MergePlan plan = begin_plan(document, std::move(catalogues), anchor, options);

  warn_about_rounding(document, diagnostics);
  if (!options.allow_crimes) check_architectures(document, models, plan.models, diagnostics);
  const Views views(plan.models, plan.anchor, options.raw.has_value());
  Slices slices = lay_out(document, models, views, strict, diagnostics);
  std::optional<VocabularyRows> rows;
  if (vocabulary != nullptr) rows.emplace(*vocabulary);
  const MatchContext context{plan.models,
                             views,
                             plan.adapted,
                             document.extensions,
                             rows ? &*rows : nullptr,
                             {.raw = options.raw, .truncate_embeddings = options.truncate_embeddings},
                             models.all()};
  Matching matching;
  give_tied_heads(context, slices, matching, diagnostics);
  DocumentMatcher matcher(document, models, context, slices, diagnostics);
  std::vector<MergedPart> parts = matcher.parts(matching);
  if (diagnostics.fails(strict)) raise_mistakes(recipe.path, diagnostics, matching.differences, strict);
  if (!options.allow_crimes && !options.raw) matching.check_pairing(document.method_at, diagnostics);
  const std::vector<MatchedTensor> copied = matcher.copied(matching);

  plan.gathers = std::move(matching.gathers);
  PlanBuilder builder(document, plan);
  builder.resolve(parts, matcher.excluded(), diagnostics, matching.differences);
  raise_mistakes(recipe.path, diagnostics, matching.differences, strict);
  builder.fill(copied, diagnostics);
  diagnostics.throw_if_errors(strict);
  if (options.explain) builder.explain(*options.explain);

  edit_config(document, matching, slices, vocabulary, said_tied, stored_copy, plan);
  finish_plan(recipe, document, options, {diagnostics, views, matching.differences}, plan);
  return plan;
}

}  // namespace stockpot::plan
