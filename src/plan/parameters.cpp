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

const ParameterSpec* find_parameter(const methods::MethodSpec& method, std::string_view name) {
  const auto at = std::find_if(method.parameters.begin(), method.parameters.end(),
                               [&](const ParameterSpec& parameter) { return parameter.name == name; });
  return at == method.parameters.end() ? nullptr : &*at;
}

std::string suggestion(const methods::MethodSpec& method, const std::string& name) {
  std::vector<std::string> known;
  for (const auto& parameter : method.parameters) known.emplace_back(parameter.name);
  if (const std::string near = did_you_mean(name, known); !near.empty()) return near;
  return known.empty() ? "the method has no parameters" : fmt::format("it knows {}", fmt::join(known, ", "));
}

/// What users may have meant by a filter: the parts of names.
std::vector<std::string> name_components(std::span<const std::string_view> names) {
  std::set<std::string_view> parts;
  for (std::string_view name : names) {
    for (std::size_t dot = 0; dot != std::string_view::npos; name.remove_prefix(dot + 1)) {
      dot = name.find('.');
      parts.insert(name.substr(0, dot));
      if (dot == std::string_view::npos) break;
    }
  }
  return {parts.begin(), parts.end()};
}

void append_bytes(std::string& key, std::uint64_t number) {
  for (int shift = 0; shift < 64; shift += 8) key += static_cast<char>(number >> shift & 0xff);
}

}  // namespace

Resolved with_facts(Settings settings) {
  const auto& method = settings.method();
  Resolved resolved{.settings = std::move(settings)};
  const Settings& s = resolved.settings;
  if (method.copies != nullptr) resolved.copies = method.copies(s);
  if (method.granularity != nullptr) resolved.granularity = method.granularity(s);
  if (method.scope != nullptr) resolved.scope = method.scope(s);
  return resolved;
}

ParameterTable::ParameterTable(const recipe::MergeDocument& document, const Participants& participants,
                               recipe::Diagnostics& diagnostics)
    : document_(document), participants_(participants), diagnostics_(diagnostics) {
  const std::size_t parameters = participants.method->parameters.size();
  std::vector<Chain> shared(parameters);
  for (const auto* place : {&participants.slice->parameters, &participants.module->parameters, &document.parameters}) {
    read_place({place, false}, shared);
  }
  for (const auto& input : participants.inputs) {
    auto& own = chains_.emplace_back(parameters);
    read_place({&input.source->parameters, true}, own);
    for (std::size_t p = 0; p < parameters; ++p) own[p].insert(own[p].end(), shared[p].begin(), shared[p].end());
  }
  chains_.push_back(std::move(shared));
  matched_case_.assign(entries_.size(), no_case);
}

void ParameterTable::read_place(const Place& place, std::vector<Chain>& chains) {
  const auto& method = *participants_.method;
  for (const auto& written : place.parameters->entries) {
    const ParameterSpec* parameter = find_parameter(method, written.name);
    if (parameter == nullptr) {
      diagnostics_.warn("CFG047", written.at,
                        fmt::format("method '{}' has no parameter '{}'", method.name, written.name),
                        suggestion(method, written.name));
    } else if (place.of_source && parameter->level == Level::merge) {
      diagnostics_.warn(
          "CFG040", written.at,
          fmt::format("parameter '{}' belongs to the whole merge and is not read under a model", written.name),
          "move it to the 'parameters:' of the document");
    } else {
      add_entry(written, *parameter, chains[static_cast<std::size_t>(parameter - method.parameters.data())]);
    }
  }
}

void ParameterTable::add_entry(const recipe::Parameters::Entry& written, const ParameterSpec& parameter, Chain& chain) {
  Entry entry;
  for (const auto& written_case : written.setting.cases) {
    recipe::Setting values{{{"", {}, written_case.at}}, written_case.at};
    for (const auto& scalar : written_case.values) {
      const auto value = read_value(parameter, scalar);
      if (const auto* problem = std::get_if<ValueProblem>(&value)) {
        diagnostics_.error(problem->code, written_case.at,
                           fmt::format("parameter '{}' {}", written.name, problem->text), problem->help);
        entry.valid = false;
        break;
      }
      values.cases.front().values.emplace_back(std::get<double>(value));
    }
    entry.cases.push_back(std::move(values));
    entry.filters.emplace_back(written_case.filter);
    entry.at.push_back(written_case.at);
    entry.filtered = entry.filtered || !written_case.filter.empty();
  }
  chain.push_back(static_cast<std::uint32_t>(entries_.size()));
  entries_.push_back(std::move(entry));
}

void ParameterTable::match_filters(std::string_view tensor) {
  for (std::size_t e = 0; e < entries_.size(); ++e) {
    const auto& filters = entries_[e].filters;
    const auto at = std::find_if(filters.begin(), filters.end(),
                                 [&](const recipe::Filter& filter) { return filter.matches(tensor); });
    matched_case_[e] = at == filters.end() ? no_case : static_cast<std::uint32_t>(at - filters.begin());
  }
}

const Resolved& ParameterTable::resolve(std::string_view tensor, double depth, std::span<const std::uint32_t> present) {
  match_filters(tensor);
  std::string key;
  append_bytes(key, std::bit_cast<std::uint64_t>(depth));
  for (std::size_t e = 0; e < entries_.size(); ++e) {
    if (entries_[e].filtered) append_bytes(key, matched_case_[e]);
  }
  for (const std::uint32_t input : present) append_bytes(key, input);
  const auto known = resolved_.find(key);
  if (known != resolved_.end()) return known->second;
  return resolved_.emplace(std::move(key), evaluate(tensor, depth, present)).first->second;
}

Resolved ParameterTable::evaluate(std::string_view tensor, double depth, std::span<const std::uint32_t> present) {
  const auto& method = *participants_.method;
  Settings settings(method, present.size());
  const auto merge_row = static_cast<std::uint32_t>(participants_.inputs.size());
  bool valid = !diagnostics_.has_errors();
  for (std::size_t p = 0; p < method.parameters.size(); ++p) {
    if (method.parameters[p].level == Level::merge) {
      valid &= set(settings, p, 0, merge_row, tensor, depth);
      continue;
    }
    for (std::size_t m = 0; m < present.size(); ++m) valid &= set(settings, p, m, present[m], tensor, depth);
  }
  if (valid && check(settings, tensor)) return with_facts(std::move(settings));
  return {.settings = std::move(settings), .valid = false};
}

bool ParameterTable::set(Settings& settings, std::size_t parameter, std::size_t place, std::uint32_t input,
                         std::string_view tensor, double depth) {
  const ParameterSpec& spec = participants_.method->parameters[parameter];
  for (const std::uint32_t e : chains_[input][parameter]) {
    const std::uint32_t matched = matched_case_[e];
    if (matched == no_case) continue;
    if (!entries_[e].valid) return false;
    const auto value = entries_[e].cases[matched].evaluate(tensor, depth, between(spec));
    const double number = std::get<double>(value.value());
    if (!check_range(spec, number, entries_[e].at[matched], input, tensor)) return false;
    settings.set(spec.name, place, number);
    return true;
  }
  return spec.fallback || !spec.required || report_missing(spec, input, tensor);
}

bool ParameterTable::report_missing(const ParameterSpec& parameter, std::uint32_t input, std::string_view tensor) {
  if (parameter.level == Level::merge) {
    report_once(recipe::Severity::error, "CFG041", document_.method_at, std::string(parameter.name),
                fmt::format("parameter '{}' has no value (tensor {})", parameter.name, tensor),
                fmt::format("add 'parameters: {{{}: ...}}'", parameter.name));
    return false;
  }
  const auto& source = *participants_.inputs[input].source;
  report_once(recipe::Severity::error, "CFG041", source.at, fmt::format("{} {}", parameter.name, input),
              fmt::format("parameter '{}' has no value for model '{}' (tensor {})", parameter.name, source.key, tensor),
              fmt::format("add 'parameters: {{{}: ...}}' under this model, or for all models at the top level",
                          parameter.name));
  return false;
}

bool ParameterTable::check_range(const ParameterSpec& parameter, double value, recipe::Position at, std::uint32_t input,
                                 std::string_view tensor) {
  if (parameter.type == methods::ValueType::choice || parameter.interval.contains(value)) return true;
  const std::string model = parameter.level == Level::merge
                                ? std::string()
                                : fmt::format("model '{}', ", participants_.inputs[input].source->key);
  report_once(recipe::Severity::error, "CFG052", at, fmt::format("{} {}", parameter.name, model),
              fmt::format("{}: parameter '{}' = {} ({}tensor '{}'): must be {}", participants_.method->name,
                          parameter.name, value, model, tensor, parameter.interval.text()));
  return false;
}

bool ParameterTable::check(const Settings& settings, std::string_view tensor) {
  if (settings.method().check == nullptr) return true;
  try {
    for (auto& warning : settings.method().check(settings)) {
      report_once(recipe::Severity::warning, "CFG051", document_.method_at, warning, warning);
    }
    return true;
  } catch (const Error& error) {
    std::string facts;
    for (const auto& [name, value] : error.context()) facts += fmt::format("{} = {}, ", name, value);
    report_once(recipe::Severity::error, error.class_code().empty() ? "CFG052" : error.class_code(),
                document_.method_at, error.sentence(),
                fmt::format("{} ({}tensor '{}')", error.sentence(), facts, tensor), error.hint());
    return false;
  }
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

void ParameterTable::report_idle_filters(std::span<const std::string_view> names) {
  std::vector<std::string> components;
  for (const Entry& entry : entries_) {
    for (std::size_t c = 0; c < entry.filters.size(); ++c) {
      const auto matches = [&](std::string_view name) { return entry.filters[c].matches(name); };
      if (std::any_of(names.begin(), names.end(), matches)) continue;
      const std::string& filter = entry.filters[c].text();
      if (components.empty()) components = name_components(names);
      report_once(recipe::Severity::warning, "CFG046", entry.at[c], filter,
                  fmt::format("filter '{}' matches no tensor", filter), did_you_mean(filter, components));
    }
  }
}

}  // namespace stockpot::plan
