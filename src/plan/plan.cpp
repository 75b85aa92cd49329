#include "plan/plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "plan/layers.hpp"
#include "plan/matching.hpp"
#include "plan/parameters.hpp"
#include "plan/participants.hpp"

namespace stockpot::plan {
namespace {

constexpr std::uint64_t default_shard_bytes = 5'000'000'000;

/// Turns matched tensors into planned ones: parameters, types, groups.
class Planner {
 public:
  Planner(const recipe::MergeDocument& document, const Participants& who, const Matching& matching, MergePlan& plan)
      : document_(document), who_(who), matching_(matching), plan_(plan) {}

  /// Adds diagnostics for parameters, differences for types that the method cannot take.
  void resolve(recipe::Diagnostics& diagnostics, Differences& differences) {
    parameters_.emplace(document_, who_, diagnostics);
    std::vector<std::string_view> names;
    names.reserve(matching_.tensors.size());
    for (const auto& tensor : matching_.tensors) names.push_back(tensor.name);
    const LayerStacks stacks(names, plan_.models[plan_.anchor].config.layer_counts);
    const double post_depth = document_.extensions.post_layer_t ? 1.0 : 0.0;

    resolved_.reserve(names.size());
    for (const auto& tensor : matching_.tensors) {
      const TensorPlace place{tensor.name, stacks.depth(tensor.name, post_depth), stacks.layer_position(tensor.name)};
      resolved_.push_back(tensor.copy ? nullptr : &parameters_->resolve(place, tensor.present));
      if (resolved_.back() != nullptr && resolved_.back()->valid) check_type(tensor, *resolved_.back(), differences);
    }
    parameters_->report_idle_filters(names);
    check_whole_model_group(diagnostics, differences);
  }

  void fill() {
    for (std::size_t i = 0; i < matching_.tensors.size(); ++i) add(matching_.tensors[i], resolved_[i]);
    for (std::uint32_t g = 0; g < plan_.groups.size(); ++g) finish_group(plan_.groups[g]);
  }

 private:
  const TensorInfo& info(SourceTensor source) const { return plan_.info(source); }

  static std::vector<SourceTensor> all_sources(const MatchedTensor& tensor) {
    std::vector<SourceTensor> all = tensor.sources;
    if (tensor.base) all.push_back(*tensor.base);
    return all;
  }

  void check_type(const MatchedTensor& tensor, const Resolved& resolved, Differences& differences) const {
    if (!tensor.opaque) return;
    const SourceTensor first = tensor.sources.front();
    const DType stored = info(first).dtype;
    if (resolved.copies && output_dtype(tensor) == stored) return;
    differences.add("TEN003",
                    fmt::format("tensor {}: {} in '{}' cannot be merged or converted, only copied by passthrough",
                                tensor.name, name(stored), plan_.models[first.model].model));
  }

  static bool counts_something(const methods::Settings& settings) {
    const auto needs = settings.method().needs;
    return needs != nullptr && needs(settings, {.elements = 1, .models = settings.models()}).passes > 0;
  }

  /// Statistics of the whole model need one set of parameters and the same models everywhere.
  void check_whole_model_group(recipe::Diagnostics& diagnostics, Differences& differences) {
    groups_whole_model_ = std::any_of(resolved_.begin(), resolved_.end(), [](const Resolved* resolved) {
      return resolved != nullptr && resolved->valid && resolved->scope == methods::GroupScope::model &&
             counts_something(resolved->settings);
    });
    if (!groups_whole_model_) return;
    std::size_t first = resolved_.size();
    for (std::size_t i = 0; i < resolved_.size(); ++i) {
      const Resolved* now = resolved_[i];
      if (now == nullptr || !now->valid || now->scope != methods::GroupScope::model) continue;
      const MatchedTensor& tensor = matching_.tensors[i];
      if (tensor.present.size() != who_.inputs.size()) {
        differences.add(
            "TEN002",
            fmt::format("tensor {} is missing in some model: statistics of the whole model need all", tensor.name));
        continue;
      }
      first = std::min(first, i);
      const std::string_view parameter = differing(resolved_[first]->settings, now->settings);
      if (parameter.empty()) continue;
      diagnostics.error(
          "CFG052", document_.method_at,
          fmt::format("{}: parameter '{}' differs between tensors '{}' and '{}', but its statistics belong "
                      "to the whole model",
                      who_.method->name, parameter, matching_.tensors[first].name, tensor.name));
      return;
    }
  }

  /// The first parameter that should be the same and is not.
  static std::string_view differing(const methods::Settings& a, const methods::Settings& b) {
    for (const auto& parameter : a.method().parameters) {
      if (!parameter.same_in_group) continue;
      for (std::size_t m = 0; m < (parameter.level == methods::Level::model ? a.models() : 1); ++m) {
        const bool set = a.is_set(parameter.name, m);
        if (set != b.is_set(parameter.name, m)) return parameter.name;
        if (set && value(a, parameter, m) != value(b, parameter, m)) return parameter.name;
      }
    }
    return "";
  }
  static double value(const methods::Settings& settings, const methods::ParameterSpec& parameter, std::size_t model) {
    return parameter.level == methods::Level::model ? settings.per_model(parameter.name)[model]
                                                    : settings.number(parameter.name);
  }

  DType output_dtype(const MatchedTensor& tensor) const {
    const DType stored = info(tensor.base ? *tensor.base : tensor.sources.front()).dtype;
    if (is_integral(stored) || (tensor.copy && !is_mergeable(stored))) return stored;
    return document_.out_dtype ? *document_.out_dtype : document_.dtype.value_or(stored);
  }

  void add(const MatchedTensor& tensor, const Resolved* resolved) {
    PlannedTensor planned;
    planned.sources = tensor.sources;
    planned.base = tensor.base;
    const auto all = all_sources(tensor);
    planned.float64 = std::any_of(all.begin(), all.end(), [&](SourceTensor s) { return info(s).dtype == DType::f64; });
    planned.output = {std::string(tensor.name), output_dtype(tensor), tensor.shape};

    const bool copies = resolved == nullptr || resolved->copies;
    if (copies) planned.base.reset();  // a method that copies does not read its base
    const bool same_type = copies && info(tensor.sources.front()).dtype == planned.output.dtype;
    planned.action = same_type || planned.output.elements() == 0 ? Action::copy : Action::merge;
    const Resolved& settled = resolved != nullptr ? *resolved : conversion();
    plan_.context.push_back(context_of(tensor, planned, settled.settings));
    if (planned.action == Action::merge) planned.group = group_of(settled);
    if (planned.action == Action::merge && settled.lines_offset) {
      planned.lines_offset = settled.lines_offset;
      plan_.lines_models = who_.inputs.size();
    }
    plan_.tensors.push_back(std::move(planned));
    if (plan_.tensors.back().action == Action::merge) {
      plan_.groups[plan_.tensors.back().group].tensors.push_back(static_cast<std::uint32_t>(plan_.tensors.size() - 1));
    }
  }

  /// A copy into another type.
  const Resolved& conversion() {
    if (!conversion_) conversion_ = with_facts(methods::Settings(*methods::find_method("passthrough"), 1));
    return *conversion_;
  }

  methods::OutputTensor context_of(const MatchedTensor& tensor, const PlannedTensor& planned,
                                   const methods::Settings& settings) const {
    methods::OutputTensor context{.name = planned.output.name,
                                  .shape = planned.output.shape,
                                  .elements = planned.output.elements(),
                                  .row_elements = planned.output.row_elements(),
                                  .settings = settings,
                                  .masks = {},
                                  .ties = {},
                                  .joint_ties = {plan_.seed, stream_of(tie_domain, "", tensor.name)}};
    for (const std::uint32_t input : tensor.present) {
      const std::string& key = who_.inputs[input].source->key;
      context.masks.push_back({plan_.seed, stream_of(mask_domain, key, tensor.name)});
      context.ties.push_back({plan_.seed, stream_of(tie_domain, key, tensor.name)});
    }
    return context;
  }

  std::uint32_t group_of(const Resolved& resolved) {
    const bool whole_model = groups_whole_model_ && resolved.scope == methods::GroupScope::model;
    if (whole_model && whole_model_group_) return *whole_model_group_;
    const auto index = static_cast<std::uint32_t>(plan_.groups.size());
    if (whole_model) whole_model_group_ = index;
    Group group;
    group.method = &resolved.settings.method();
    group.info.models = resolved.settings.models();
    group.granularity = resolved.granularity;
    plan_.groups.push_back(std::move(group));
    return index;
  }

  void finish_group(Group& group) {
    group.info.tensors = group.tensors.size();
    group.info.shape = plan_.context[group.tensors.front()].shape;
    for (std::uint32_t place = 0; place < group.tensors.size(); ++place) {
      const std::uint32_t tensor = group.tensors[place];
      plan_.context[tensor].place_in_group = place;
      plan_.context[tensor].first_in_group = group.info.elements;
      const auto elements = checked_add(group.info.elements, plan_.context[tensor].elements);
      if (!elements) throw Error(ErrorKind::limits, "a group of tensors exceeds 2^64 elements");
      group.info.elements = *elements;
      group.info.float64 = group.info.float64 || plan_.tensors[tensor].float64;
    }
    const methods::Settings& settings = plan_.context[group.tensors.front()].settings;
    if (group.method->needs != nullptr) group.needs = group.method->needs(settings, group.info);
  }

  const recipe::MergeDocument& document_;
  const Participants& who_;
  const Matching& matching_;
  MergePlan& plan_;
  std::optional<ParameterTable> parameters_;
  std::vector<const Resolved*> resolved_;  // parallel to matching_.tensors; null: copied
  std::optional<Resolved> conversion_;
  bool groups_whole_model_ = false;
  std::optional<std::uint32_t> whole_model_group_;
};

void take_options(const recipe::MergeDocument& document, const PlanOptions& options, MergePlan& plan) {
  const auto& extensions = document.extensions;
  plan.config_dtype = document.out_dtype ? document.out_dtype : document.dtype;
  plan.nonfinite = options.nonfinite.value_or(extensions.nonfinite);
  plan.round_inputs = extensions.round_inputs && document.dtype.has_value();
  plan.round_dtype = document.dtype;
  plan.seed = options.seed ? *options.seed : extensions.seed.value_or(0);
  plan.method = document.method;
}

/// Each warning as a report of its own, in order of place.
std::vector<std::string> rendered_warnings(const recipe::Recipe& recipe, const recipe::Diagnostics& diagnostics) {
  auto found = diagnostics.all();
  std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.at < b.at; });
  std::vector<std::string> lines;
  for (const auto& diagnostic : found) {
    recipe::Diagnostics one(recipe.path, recipe.text);
    one.warn(diagnostic.code, diagnostic.at, diagnostic.message, diagnostic.help);
    lines.push_back(one.report());
  }
  return lines;
}

void warn_about_rounding(const recipe::MergeDocument& document, recipe::Diagnostics& diagnostics) {
  if (!document.extensions.round_inputs || document.dtype) return;
  diagnostics.warn("CFG007", document.method_at, "'round_inputs' has no effect without 'dtype'");
}

}  // namespace

std::uint64_t MergePlan::output_bytes() const {
  std::uint64_t sum = 0;
  for (const auto& tensor : tensors) sum += tensor.output.bytes();
  return sum;
}

std::uint64_t MergePlan::input_bytes(std::uint32_t tensor) const {
  const std::uint64_t elements = tensors[tensor].output.elements();  // sources may be larger, and are cut
  std::uint64_t sum = tensors[tensor].base ? bytes_of(info(*tensors[tensor].base).dtype, elements) : 0;
  for (const SourceTensor source : tensors[tensor].sources) sum += bytes_of(info(source).dtype, elements);
  return sum;
}

MergePlan make_plan(const recipe::Recipe& recipe, const recipe::MergeDocument& document,
                    std::vector<Catalogue> catalogues, const PlanOptions& options) {
  const bool strict = options.strict || document.extensions.strict;
  recipe::Diagnostics diagnostics(recipe.path, recipe.text);
  for (const auto& found : recipe.diagnostics.all()) diagnostics.warn(found.code, found.at, found.message, found.help);
  MergePlan plan;
  plan.models = std::move(catalogues);
  take_options(document, options, plan);

  warn_about_rounding(document, diagnostics);
  const auto who = find_participants(document, plan.models, options.allow_crimes, diagnostics);
  if (!who || diagnostics.has_errors()) diagnostics.throw_if_errors(strict);
  plan.anchor = who->anchor;

  Matching matching =
      match_tensors(plan.models, *who, document.extensions,
                    {.allow_crimes = options.allow_crimes, .truncate_embeddings = options.truncate_embeddings});
  Planner planner(document, *who, matching, plan);
  planner.resolve(diagnostics, matching.differences);
  diagnostics.throw_if_errors(strict);
  if (!matching.differences.empty()) matching.differences.raise();

  planner.fill();
  plan.unties_head = matching.unties_head;
  plan.vocab_size = matching.vocabulary;
  std::vector<TensorInfo> outputs;
  outputs.reserve(plan.tensors.size());
  for (const auto& tensor : plan.tensors) outputs.push_back(tensor.output);
  const auto shard_bytes = options.shard_bytes ? options.shard_bytes : document.extensions.shard_bytes;
  plan.shards = partition::make_shards(outputs, shard_bytes.value_or(default_shard_bytes));
  plan.warnings = rendered_warnings(recipe, diagnostics);
  plan.warnings.insert(plan.warnings.end(), matching.warnings.begin(), matching.warnings.end());
  return plan;
}

}  // namespace stockpot::plan
