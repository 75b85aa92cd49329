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
    entry.filters.emplace_back(written_case.filter);
    entry.at.push_back(written_case.at);
    entry.filtered = entry.filtered || !written_case.filter.empty();
  }
  switch (parameter.type) {
    case methods::ValueType::names:
      read_names(written, entry);
      break;
    case methods::ValueType::layer_scale:
      read_layer_scale(written, entry);
      break;
    default:
      read_numbers(written, parameter, entry);
  }
  chain.push_back(static_cast<std::uint32_t>(entries_.size()));
  entries_.push_back(std::move(entry));
}

void ParameterTable::read_numbers(const recipe::Parameters::Entry& written, const ParameterSpec& parameter,
                                  Entry& entry) {
  const auto refuse = [&](recipe::Position at, const ValueProblem& problem) {
    diagnostics_.error(problem.code, at, fmt::format("parameter '{}' {}", written.name, problem.text), problem.help);
    entry.valid = false;
  };
  if (written.setting.layer_scale) refuse(written.setting.at, {"CFG005", "needs the key 'value'", ""});
  for (const auto& written_case : written.setting.cases) {
    recipe::Setting values{{{"", {}, written_case.at}}, written_case.at};
    for (const auto& scalar : written_case.values) {
      const auto value = read_value(parameter, scalar);
      if (const auto* problem = std::get_if<ValueProblem>(&value)) {
        refuse(written_case.at, *problem);
        break;
      }
      values.cases.front().values.emplace_back(std::get<double>(value));
    }
    entry.cases.push_back(std::move(values));
  }
}

/// Texts of which one has to be part of a tensor's name.
void ParameterTable::read_names(const recipe::Parameters::Entry& written, Entry& entry) {
  for (const auto& written_case : written.setting.cases) {
    auto& texts = entry.texts.emplace_back();
    for (const auto& scalar : written_case.values) {
      const auto* text = std::get_if<std::string>(&scalar);
      texts.push_back(text != nullptr ? *text : fmt::format("{}", std::get<double>(scalar)));
    }
  }
  if (!written.setting.layer_scale) return;
  diagnostics_.error("CFG020", written.at, fmt::format("parameter '{}' is a list of texts", written.name));
  entry.valid = false;
}

void ParameterTable::read_layer_scale(const recipe::Parameters::Entry& written, Entry& entry) {
  const auto& scale = written.setting.layer_scale;
  const auto* alpha = scale ? std::get_if<std::string>(&scale->alpha) : nullptr;
  entry.automatic_alpha = alpha != nullptr && *alpha == "auto";
  const ParameterSpec number{.name = "number"};
  const auto read = [&](const recipe::Scalar& scalar) {
    const auto value = read_value(number, scalar);
    if (std::holds_alternative<ValueProblem>(value)) entry.valid = false;
    return entry.valid ? std::get<double>(value) : 0.0;
  };
  entry.valid = scale.has_value();
  if (scale && !entry.automatic_alpha) entry.alpha = read(scale->alpha);
  if (scale) entry.beta = read(scale->beta);
  if (!entry.valid) {
    diagnostics_.error("CFG021", written.at, fmt::format("parameter '{}' is no scale by layer", written.name),
                       "write it like {alpha: 0.2, beta: 0.8}, or {alpha: auto, beta: 0.8}");
  }
  entry.filters = {recipe::Filter("")};
  entry.at = {written.setting.at};
}

bool ParameterTable::names_tensor(const Entry& entry, std::uint32_t matched, std::string_view tensor) const {
  return std::ranges::any_of(entry.texts[matched],
                             [&](const std::string& text) { return tensor.find(text) != std::string_view::npos; });
}

void ParameterTable::match_filters(std::string_view tensor) {
  for (std::size_t e = 0; e < entries_.size(); ++e) {
    const auto& filters = entries_[e].filters;
    const auto at = std::find_if(filters.begin(), filters.end(),
                                 [&](const recipe::Filter& filter) { return filter.matches(tensor); });
    matched_case_[e] = at == filters.end() ? no_case : static_cast<std::uint32_t>(at - filters.begin());
  }
}

const Resolved& ParameterTable::resolve(const TensorPlace& tensor, std::span<const std::uint32_t> present) {
  match_filters(tensor.name);
  std::string key;
  append_bytes(key, std::bit_cast<std::uint64_t>(tensor.depth));
  append_bytes(key, std::bit_cast<std::uint64_t>(tensor.layer_position));
  for (std::size_t e = 0; e < entries_.size(); ++e) {
    const Entry& entry = entries_[e];
    if (entry.filtered) append_bytes(key, matched_case_[e]);
    if (entry.texts.empty() || matched_case_[e] == no_case) continue;
    key += names_tensor(entry, matched_case_[e], tensor.name) ? '+' : '-';
  }
  for (const std::uint32_t input : present) append_bytes(key, input);
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

bool ParameterTable::set(Resolved& resolved, std::size_t parameter, std::size_t place, std::uint32_t input,
                         const TensorPlace& tensor) {
  const ParameterSpec& spec = participants_.method->parameters[parameter];
  for (const std::uint32_t e : chains_[input][parameter]) {
    const std::uint32_t matched = matched_case_[e];
    if (matched == no_case) continue;
    if (!entries_[e].valid) return false;
    const double number = value_of(spec, e, tensor);
    if (!check_range(spec, number, entries_[e].at[matched], input, tensor.name)) return false;
    resolved.settings.set(spec.name, place, number);
    if (entries_[e].automatic_alpha) resolved.lines_offset = entries_[e].beta * tensor.layer_position;
    return true;
  }
  return spec.fallback || !spec.required || report_missing(spec, input, tensor.name);
}

double ParameterTable::value_of(const ParameterSpec& parameter, std::uint32_t e, const TensorPlace& tensor) const {
  const Entry& entry = entries_[e];
  if (parameter.type == methods::ValueType::names)
    return names_tensor(entry, matched_case_[e], tensor.name) ? 1.0 : 0.0;
  if (entry.automatic_alpha) return 1.0;
  if (parameter.type == methods::ValueType::layer_scale) return entry.alpha + entry.beta * tensor.layer_position;
  return std::get<double>(*entry.cases[matched_case_[e]].evaluate(tensor.name, tensor.depth, between(parameter)));
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

bool ParameterTable::check(const Settings& settings, std::string_view tensor, std::span<const std::uint32_t> present) {
  if (settings.method().check == nullptr) return true;
  try {
    for (auto& warning : settings.method().check(settings)) {
      report_once(recipe::Severity::warning, "CFG051", document_.method_at, warning, warning);
    }
    return true;
  } catch (const Error& error) {
    std::string facts;
    for (const auto& [name, value] : error.context()) {
      if (name == "model") {
        const auto& source = *participants_.inputs[present[std::stoul(value)]].source;
        facts += fmt::format("model '{}', ", source.key);
      } else {
        facts += fmt::format("{} = {}, ", name, value);
      }
    }
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
