#include "plan/parameters.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <utility>

#include "core/nearest.hpp"
#include "plan/values.hpp"

namespace stockpot::plan {
namespace {

using methods::Level;
using methods::ParameterSpec;
using methods::Settings;

void append_bytes(std::string& key, std::uint64_t number) {
  for (int shift = 0; shift < 64; shift += 8) key += static_cast<char>(number >> shift & 0xff);
}

void add_facts(Resolved& resolved) {
  const Settings& s = resolved.settings;
  const auto& method = s.method();
  if (method.copies != nullptr) resolved.copies = method.copies(s);
  if (method.granularity != nullptr) resolved.granularity = method.granularity(s);
  if (method.scope != nullptr) resolved.scope = method.scope(s);
}

}  // namespace

Resolved with_facts(Settings settings) {
  Resolved resolved{.settings = std::move(settings)};
  add_facts(resolved);
  return resolved;
}

bool ParameterTable::names_tensor(const Entry& entry, std::uint32_t matched, std::string_view tensor) const {
  return std::ranges::any_of(entry.texts[matched],
                             [&](const std::string& text) { return tensor.find(text) != std::string_view::npos; });
}

std::vector<std::uint32_t> ParameterTable::cases_matching(std::string_view name) const {
  std::vector<std::uint32_t> matched(entries_.size(), no_case);
  for (std::size_t e = 0; e < entries_.size(); ++e) {
    const auto& filters = entries_[e].filters;
    const auto at = std::ranges::find_if(filters, [&](const recipe::Filter& filter) { return filter.matches(name); });
    if (at != filters.end()) matched[e] = static_cast<std::uint32_t>(at - filters.begin());
  }
  return matched;
}

void ParameterTable::match_filters(const TensorPlace& tensor) {
  names_ = {tensor.name};
  matched_ = {cases_matching(tensor.name)};
  name_of_input_.clear();
  for (const std::string_view own : tensor.own_names) {
    const auto known = std::ranges::find(names_, own);
    name_of_input_.push_back(static_cast<NameIndex>(known - names_.begin()));
    if (known != names_.end()) continue;
    names_.push_back(own);
    matched_.push_back(cases_matching(own));
  }
}

/// What the filters make of a name, for the key of a set of parameters.
void ParameterTable::append_matches(NameIndex name, std::string& key) const {
  for (std::size_t e = 0; e < entries_.size(); ++e) {
    const Entry& entry = entries_[e];
    const std::uint32_t matched = matched_[name][e];
    if (entry.filtered) append_bytes(key, matched);
    if (entry.texts.empty() || matched == no_case) continue;
    key += names_tensor(entry, matched, names_[name]) ? '+' : '-';
  }
}

const Resolved& ParameterTable::resolve(const TensorPlace& tensor, std::span<const std::uint32_t> present) {
  match_filters(tensor);
  std::string key;
  append_bytes(key, std::bit_cast<std::uint64_t>(tensor.depth));
  append_bytes(key, std::bit_cast<std::uint64_t>(tensor.layer_position));
  append_matches(0, key);
  for (std::size_t m = 0; m < present.size(); ++m) {
    append_bytes(key, present[m]);
    const bool is_renamed = name_of_input_[m] != 0;
    key += is_renamed ? '#' : '=';  // what follows is matches, or the next model
    if (is_renamed) append_matches(name_of_input_[m], key);
  }
  const auto known = resolved_.find(key);
  if (known != resolved_.end()) return known->second;
  return resolved_.emplace(std::move(key), evaluate(tensor, present)).first->second;
}

Resolved ParameterTable::evaluate(const TensorPlace& tensor, std::span<const std::uint32_t> present) {
  const auto& method = *participants_.method;
  Resolved resolved{.settings = Settings(method, present.size(), participants_.inputs.size()),
                    .valid = !diagnostics_.has_errors()};
  const auto merge_row = static_cast<std::uint32_t>(participants_.inputs.size());
  for (std::size_t p = 0; p < method.parameters.size(); ++p) {
    if (method.parameters[p].level == Level::merge) {
      resolved.valid &= set(resolved, p, 0, merge_row, tensor);
      continue;
    }
    for (std::size_t m = 0; m < present.size(); ++m) resolved.valid &= set(resolved, p, m, present[m], tensor);
  }
  resolved.valid = resolved.valid && check(resolved.settings, tensor.name, present);
  if (resolved.valid) add_facts(resolved);
  return resolved;
}

std::optional<std::uint32_t> ParameterTable::hit(const Chain& chain, NameIndex name) const {
  const auto yields = [&](std::uint32_t e) { return matched_[name][e] != no_case; };
  const auto at = std::ranges::find_if(chain, yields);
  return at == chain.end() ? std::nullopt : std::optional(*at);
}

bool ParameterTable::set(Resolved& resolved, std::size_t parameter, std::size_t place, std::uint32_t input,
                         const TensorPlace& tensor) {
  const ParameterSpec& spec = participants_.method->parameters[parameter];
  const NameIndex name = spec.level == Level::merge ? 0 : name_of_input_[place];
  const auto e = hit(chains_[input][parameter], name);
  if (!e) return spec.fallback || !spec.required || report_missing(spec, chains_[input][parameter], input, tensor.name);
  const Entry& entry = entries_[*e];
  if (!entry.valid) return false;
  const double number = value_of(spec, *e, name, tensor);
  if (!check_range(spec, number, entry.at[matched_[name][*e]], input, tensor.name)) return false;
  resolved.settings.set(spec.name, place, number);
  if (entry.automatic_alpha) resolved.lines_offset = entry.beta * tensor.layer_position;
  return true;
}

double ParameterTable::value_of(const ParameterSpec& parameter, std::uint32_t e, NameIndex name,
                                const TensorPlace& tensor) const {
  const Entry& entry = entries_[e];
  const std::uint32_t matched = matched_[name][e];
  if (parameter.type == methods::ValueType::names) return names_tensor(entry, matched, names_[name]) ? 1.0 : 0.0;
  if (entry.automatic_alpha) return 1.0;
  if (parameter.type == methods::ValueType::layer_scale) return entry.alpha + entry.beta * tensor.layer_position;
  return std::get<double>(*entry.cases[matched].evaluate(names_[name], tensor.depth, between(parameter)));
}

std::vector<Explained> ParameterTable::explain(const TensorPlace& tensor, std::span<const std::uint32_t> present) {
  match_filters(tensor);
  const auto merge_row = static_cast<std::uint32_t>(participants_.inputs.size());
  std::vector<Explained> lines;
  const auto add = [&](const ParameterSpec& spec, std::size_t p, std::optional<std::uint32_t> input, NameIndex name) {
    Explained line{std::string(spec.name), input, {}, "not set", {}};
    if (spec.fallback) {
      line.value = written_value(spec, *spec.fallback);
      line.origin = "method's default";
    }
    if (const auto e = hit(chains_[input.value_or(merge_row)][p], name)) {
      line.value = written_value(spec, value_of(spec, *e, name, tensor));
      line.origin = entries_[*e].origin;
      line.at = entries_[*e].at[matched_[name][*e]];
    }
    lines.push_back(std::move(line));
  };
  for (std::size_t p = 0; p < participants_.method->parameters.size(); ++p) {
    const ParameterSpec& spec = participants_.method->parameters[p];
    if (spec.level == Level::merge) {
      add(spec, p, std::nullopt, 0);
      continue;
    }
    for (std::size_t m = 0; m < present.size(); ++m) add(spec, p, present[m], name_of_input_[m]);
  }
  return lines;
}

/// @param chain  of the places that have values, but none whose filters match the tensor.
bool ParameterTable::report_missing(const ParameterSpec& parameter, const Chain& chain, std::uint32_t input,
                                    std::string_view tensor) {
  const bool of_merge = parameter.level == Level::merge;
  std::string message = fmt::format("parameter '{}' has no value", parameter.name);
  if (!of_merge) message += fmt::format(" for model '{}'", participants_.inputs[input].key);
  message += fmt::format(" (tensor {})", tensor);
  recipe::Position at = of_merge ? participants_.method_at : participants_.inputs[input].at;
  std::string help = fmt::format("add 'parameters: {{{}: ...}}'", parameter.name);
  if (!of_merge) help += " under this model, or for all models at the top level";
  if (!chain.empty()) {
    at = entries_[chain.front()].named_at;
    message += ": none of its filters matches";
    help = "add a last entry without a filter: '- value: ...'";
  }
  report_once(recipe::Severity::error, "CFG041", at, fmt::format("{} {}", parameter.name, of_merge ? 0 : input),
              std::move(message), std::move(help));
  return false;
}

bool ParameterTable::check_range(const ParameterSpec& parameter, double value, recipe::Position at, std::uint32_t input,
                                 std::string_view tensor) {
  if (parameter.type == methods::ValueType::choice || parameter.interval.contains(value)) return true;
  const std::string model =
      parameter.level == Level::merge ? std::string() : fmt::format("model '{}', ", participants_.inputs[input].key);
  report_once(recipe::Severity::error, "CFG052", at, fmt::format("{} {}", parameter.name, model),
              fmt::format("{}: parameter '{}' = {} ({}tensor '{}'): must be {}", participants_.method->name,
                          parameter.name, value, model, tensor, parameter.interval.text()));
  return false;
}

bool ParameterTable::check(const Settings& settings, std::string_view tensor, std::span<const std::uint32_t> present) {
  if (settings.method().check == nullptr) return true;
  try {
    for (auto& warning : settings.method().check(settings)) {
      report_once(recipe::Severity::warning, "CFG051", participants_.method_at, warning, warning);
    }
    return true;
  } catch (const Error& error) {
    std::string_view parameter;
    std::optional<std::size_t> model;
    for (const auto& [name, value] : error.context()) {
      if (name == "parameter") parameter = value;
      if (name == "model") model = std::stoul(value);
    }
    const std::string whose =
        model ? fmt::format("model '{}', ", participants_.inputs[present[*model]].key) : std::string();
    report_once(recipe::Severity::error, error.class_code(), place_of(parameter, model.value_or(0), present),
                error.sentence(), fmt::format("{} ({}tensor '{}')", error.sentence(), whose, tensor), error.hint());
    return false;
  }
}

recipe::Position ParameterTable::place_of(std::string_view parameter, std::size_t model,
                                          std::span<const std::uint32_t> present) const {
  const auto& parameters = participants_.method->parameters;
  const auto spec = std::ranges::find(parameters, parameter, &ParameterSpec::name);
  if (spec == parameters.end()) return participants_.method_at;
  const bool of_merge = spec->level == Level::merge;
  const NameIndex name = of_merge ? 0 : name_of_input_[model];
  const auto& row = chains_[of_merge ? participants_.inputs.size() : present[model]];
  const auto e = hit(row[static_cast<std::size_t>(spec - parameters.begin())], name);
  return e ? entries_[*e].at[matched_[name][*e]] : participants_.method_at;
}

void ParameterTable::report_once(recipe::Severity severity, std::string_view code, recipe::Position at,
                                 const std::string& identity, std::string message, std::string help) {
  if (!reported_.insert(fmt::format("{} {}:{} {}", code, at.line, at.column, identity)).second) return;
  if (severity == recipe::Severity::error) {
    diagnostics_.error(code, at, std::move(message), std::move(help));
  } else {
    diagnostics_.warn(code, at, std::move(message), std::move(help));
  }
}

void ParameterTable::judge_filters(std::span<const std::string_view> names, std::set<FilterPlace>& live,
                                   std::set<FilterPlace>& idle) const {
  for (const Entry& entry : entries_) {
    for (std::size_t c = 0; c < entry.filters.size(); ++c) {
      if (entry.filters[c].is_for_all()) continue;
      const auto matches = [&](std::string_view name) { return entry.filters[c].matches(name); };
      const bool used = std::ranges::any_of(names, matches);
      (used ? live : idle).insert({entry.at[c], entry.filters[c].text()});
    }
  }
}

}  // namespace stockpot::plan
