#include "plan/plan_builder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/nearest.hpp"
#include "plan/selection.hpp"
#include "plan/shapes.hpp"

namespace stockpot::plan {
namespace {

bool counts_something(const methods::Settings& settings) {
  const auto needs = settings.method().needs;
  return needs != nullptr && needs(settings, {.elements = 1, .models = settings.models()}).passes > 0;
}

double value_of(const methods::Settings& settings, const methods::ParameterSpec& parameter, std::size_t model) {
  return parameter.level == methods::Level::model ? settings.per_model(parameter.name)[model]
                                                  : settings.number(parameter.name);
}

/// The first parameter that should be the same and is not.
std::string_view differing(const methods::Settings& a, const methods::Settings& b) {
  for (const auto& parameter : a.method().parameters) {
    if (!parameter.same_in_group) continue;
    for (std::size_t m = 0; m < (parameter.level == methods::Level::model ? a.models() : 1); ++m) {
      const bool set = a.is_set(parameter.name, m);
      if (set != b.is_set(parameter.name, m)) return parameter.name;
      if (set && value_of(a, parameter, m) != value_of(b, parameter, m)) return parameter.name;
    }
  }
  return "";
}

std::vector<std::uint32_t> models_of(const MatchedTensor& tensor) {
  std::vector<std::uint32_t> models;
  for (const SourceTensor source : tensor.sources) models.push_back(source.model);
  return models;
}

/// No file can give a tensor this name: safetensors keeps its metadata under the one, HDF5 its root under the other.
bool is_reserved(std::string_view name) { return name.empty() || name == "__metadata__"; }

}  // namespace

void PlanBuilder::resolve(std::vector<MergedPart>& parts, std::span<const std::string_view> excluded,
                          recipe::Diagnostics& diagnostics, Differences& differences) {
  std::set<FilterPlace> live, idle;
  std::vector<std::string_view> all_names(excluded.begin(), excluded.end());
  for (MergedPart& part : parts) {
    part.parameters = std::make_unique<ParameterTable>(part.who, diagnostics, reported_);
    std::vector<std::string_view> names;
    for (MatchedTensor& tensor : part.tensors) {
      const auto own = own_names(tensor);
      names.push_back(tensor.name);
      names.insert(names.end(), own.begin(), own.end());
      if (tensor.copy) continue;
      const Resolved& resolved =
          part.parameters->resolve({tensor.name, own, tensor.depth, tensor.layer_position}, tensor.present);
      resolved_[&tensor] = &resolved;
      if (!resolved.valid) continue;
      check_type(tensor, resolved, differences);
      leave_out_weightless(part, tensor);
    }
    part.parameters->judge_filters(names, live, idle);
    all_names.insert(all_names.end(), names.begin(), names.end());
  }
  Selection(document_.extensions).judge_filters(all_names, live, idle);
  report_idle_filters(all_names, live, idle, diagnostics);
  for (const MergedPart& part : parts) {
    for (const MatchedTensor& tensor : part.tensors) {
      const auto at = resolved_.find(&tensor);
      candidates_.push_back({std::string(tensor.name), &tensor, &part, at == resolved_.end() ? nullptr : at->second});
    }
  }
  check_whole_model_groups(diagnostics, differences);
}

void PlanBuilder::check_type(const MatchedTensor& tensor, const Resolved& resolved, Differences& differences) const {
  if (!tensor.opaque) return;
  const SourceTensor first = tensor.sources.front();
  const DType stored = info(first).dtype;
  if (resolved.copies && output_dtype(tensor) == stored && plan_.is_stored(first)) return;
  const auto references = document_.models();
  differences.add("TEN003", references[first.model].at,
                  fmt::format("tensor {}: {} in '{}' cannot be merged or converted, only copied by passthrough",
                              tensor.name, name(stored), plan_.models[first.model].model));
}

/// Statistics of the whole model need one set of parameters and the same models everywhere.
void PlanBuilder::check_whole_model_groups(recipe::Diagnostics& diagnostics, Differences& differences) {
  const auto of_whole_model = [](const Candidate& c) {
    return c.resolved != nullptr && c.resolved->valid && c.resolved->scope == methods::GroupScope::model;
  };
  for (const Candidate& c : candidates_) {
    if (of_whole_model(c) && counts_something(c.resolved->settings)) {
      whole_model_methods_.insert(&c.resolved->settings.method());
    }
  }
  std::map<const methods::MethodSpec*, const Candidate*> first_of;
  for (const Candidate& c : candidates_) {
    if (!of_whole_model(c) || !whole_model_methods_.contains(&c.resolved->settings.method())) continue;
    if (c.matched->present.size() != c.part->who.inputs.size()) {
      differences.add(
          "TEN002", c.part->who.method_at,
          fmt::format("tensor {} is missing in some model: statistics of the whole model need all", c.name));
      continue;
    }
    const Candidate& first = *first_of.emplace(&c.resolved->settings.method(), &c).first->second;
    const bool same_models = models_of(*first.matched) == models_of(*c.matched);
    const std::string_view parameter =
        same_models ? differing(first.resolved->settings, c.resolved->settings) : "models of the slice";
    if (parameter.empty()) continue;
    diagnostics.error("CFG052", c.part->who.method_at,
                      fmt::format("{}: {} '{}' differs between tensors '{}' and '{}', but its statistics belong to the "
                                  "whole model",
                                  c.part->who.method->name, same_models ? "parameter" : "the list of", parameter,
                                  first.name, c.name));
    return;
  }
}

bool PlanBuilder::is_float64(SourceTensor source) const {
  if (info(source).dtype == DType::f64) return true;
  if (source.gather == SourceTensor::as_stored) return false;
  return std::ranges::any_of(plan_.gathers[source.gather].parts, [&](const Gather::Part& part) {
    return plan_.models[part.model].tensors[part.tensor].info.dtype == DType::f64;
  });
}

/// Whether it is computed in float64.
bool PlanBuilder::is_wide(const MatchedTensor& tensor) const {
  return (tensor.base && is_float64(*tensor.base)) ||
         std::ranges::any_of(tensor.sources, [&](SourceTensor source) { return is_float64(source); });
}

DType PlanBuilder::output_dtype(const MatchedTensor& tensor) const {
  const DType stored = tensor.dtype ? *tensor.dtype : info(tensor.base ? *tensor.base : tensor.sources.front()).dtype;
  if (is_integral(stored) || (tensor.copy && !is_mergeable(stored))) return stored;
  return document_.out_dtype ? *document_.out_dtype : document_.dtype.value_or(stored);
}

void PlanBuilder::fill(const std::vector<MatchedTensor>& copied, recipe::Diagnostics& diagnostics) {
  for (const MatchedTensor& tensor : copied) candidates_.push_back({std::string(tensor.name), &tensor});
  const Renaming renaming(document_.extensions.renames);
  for (Candidate& candidate : candidates_) candidate.name = renaming(candidate.name);
  std::ranges::sort(candidates_, {}, &Candidate::name);
  const auto at = document_.extensions.renames.empty() ? document_.at : document_.extensions.renames.front().at;
  for (const Candidate& candidate : candidates_) {
    if (candidate.name == candidate.matched->name || !is_reserved(candidate.name)) continue;
    diagnostics.error(
        "ARC060", at,
        fmt::format("'{}' becomes '{}', which no tensor can be called", candidate.matched->name, candidate.name));
  }
  const auto twice = std::ranges::adjacent_find(candidates_, {}, &Candidate::name);
  if (twice != candidates_.end()) {
    diagnostics.error("ARC060", at,
                      fmt::format("'{}' and '{}' both become output tensor '{}'", twice->matched->name,
                                  (twice + 1)->matched->name, twice->name));
    return;
  }
  for (const Candidate& candidate : candidates_) add(candidate);
  for (Group& group : plan_.groups) finish_group(group);
}

void PlanBuilder::add(const Candidate& candidate) {
  const MatchedTensor& tensor = *candidate.matched;
  PlannedTensor planned;
  planned.sources = tensor.sources;
  planned.base = tensor.base;
  planned.others = tensor.others;
  planned.float64 = is_wide(tensor);
  planned.output = {candidate.name, output_dtype(tensor), tensor.shape};

  const Resolved* const resolved = candidate.resolved;
  const bool copies = resolved == nullptr || resolved->copies;
  if (copies) planned.base.reset();  // a method that copies does not read its base
  const SourceTensor first = tensor.sources.front();
  const bool same_bytes = copies && info(first).dtype == planned.output.dtype && plan_.is_stored(first) &&
                          !loses_columns(info(first).shape, tensor.shape);
  planned.action = same_bytes || planned.output.elements() == 0 ? Action::copy : Action::merge;
  const Resolved& settled = resolved != nullptr ? *resolved : conversion();
  plan_.context.push_back(context_of(candidate, planned, settled.settings));
  if (planned.action == Action::merge) planned.group = group_of(settled);
  if (planned.action == Action::merge && settled.lines_offset) {
    planned.lines_offset = settled.lines_offset;
    plan_.lines_models = candidate.part->who.inputs.size();
  }
  plan_.tensors.push_back(std::move(planned));
  if (plan_.tensors.back().action == Action::merge) {
    plan_.groups[plan_.tensors.back().group].tensors.push_back(static_cast<std::uint32_t>(plan_.tensors.size() - 1));
  }
}

/// A copy into another type, or of something that is not stored as it is wanted.
const Resolved& PlanBuilder::conversion() {
  if (!conversion_) conversion_ = with_facts(methods::Settings(*methods::find_method("passthrough"), 1));
  return *conversion_;
}

/// Random streams are named after the tensor as it was planned, before renames.
methods::OutputTensor PlanBuilder::context_of(const Candidate& candidate, const PlannedTensor& planned,
                                              const methods::Settings& settings) const {
  const MatchedTensor& tensor = *candidate.matched;
  methods::OutputTensor context{.name = planned.output.name,
                                .shape = planned.output.shape,
                                .elements = planned.output.elements(),
                                .row_elements = planned.output.row_elements(),
                                .settings = settings,
                                .masks = {},
                                .ties = {},
                                .joint_ties = {plan_.seed, stream_of(tie_domain, "", tensor.name)}};
  for (const std::uint32_t input : tensor.present) {
    const std::string& key = candidate.part->who.inputs[input].key;
    context.masks.push_back({plan_.seed, stream_of(mask_domain, key, tensor.name)});
    context.ties.push_back({plan_.seed, stream_of(tie_domain, key, tensor.name)});
  }
  return context;
}

std::uint32_t PlanBuilder::group_of(const Resolved& resolved) {
  const methods::MethodSpec* const method = &resolved.settings.method();
  const bool whole_model = resolved.scope == methods::GroupScope::model && whole_model_methods_.contains(method);
  if (const auto known = whole_model_groups_.find(method); whole_model && known != whole_model_groups_.end()) {
    return known->second;
  }
  const auto index = static_cast<std::uint32_t>(plan_.groups.size());
  if (whole_model) whole_model_groups_[method] = index;
  Group group;
  group.method = method;
  group.info.models = resolved.settings.models();
  group.granularity = resolved.granularity;
  plan_.groups.push_back(std::move(group));
  return index;
}

void PlanBuilder::finish_group(Group& group) {
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

}  // namespace stockpot::plan
