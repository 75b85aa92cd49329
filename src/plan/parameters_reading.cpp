// The first half of a ParameterTable's life: what the recipe's places say, as numbers.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/nearest.hpp"
#include "plan/parameters.hpp"
#include "plan/values.hpp"
#include "recipe/slips.hpp"

namespace stockpot::plan {
namespace {

using methods::Level;
using methods::ParameterSpec;

const ParameterSpec* find_parameter(const methods::MethodSpec& method, std::string_view name) {
  const auto at = std::find_if(method.parameters.begin(), method.parameters.end(),
                               [&](const ParameterSpec& parameter) { return parameter.name == name; });
  return at == method.parameters.end() ? nullptr : &*at;
}

std::string suggestion(const methods::MethodSpec& method, const std::string& name) {
  if (const std::string odd = recipe::odd_space_help(name); !odd.empty()) return odd;
  std::vector<std::string> known;
  for (const auto& parameter : method.parameters) known.emplace_back(parameter.name);
  if (const std::string near = did_you_mean(name, known); !near.empty()) return near;
  return known.empty() ? "the method has no parameters" : fmt::format("it knows {}", fmt::join(known, ", "));
}

}  // namespace

ParameterTable::ParameterTable(const Participants& participants, recipe::Diagnostics& diagnostics,
                               std::set<std::string>& reported)
    : participants_(participants), diagnostics_(diagnostics), reported_(reported) {
  const std::size_t parameters = participants.method->parameters.size();
  std::vector<Chain> first(parameters), shared(parameters);
  if (participants.override != nullptr) read_place({&participants.override->parameters, "override", false}, first);
  read_place({&participants.slice->parameters, "slice", false}, shared);
  read_place({&participants.module->parameters, "module", false}, shared);
  read_place({participants.document_parameters, "document", false}, shared);
  for (const auto& input : participants.inputs) {
    auto& own = chains_.emplace_back(first);
    if (input.source != nullptr) read_place({&input.source->parameters, "model", true}, own);
    for (std::size_t p = 0; p < parameters; ++p) own[p].insert(own[p].end(), shared[p].begin(), shared[p].end());
  }
  for (std::size_t p = 0; p < parameters; ++p) first[p].insert(first[p].end(), shared[p].begin(), shared[p].end());
  chains_.push_back(std::move(first));
  judge_base();
}

/// What stands under a listed base is not used, but what is misplaced or misspelt there is not meant to be lost.
void ParameterTable::judge_base() {
  if (!participants_.base) return;
  for (const recipe::InputSlice& source : participants_.slice->sources) {
    if (std::ranges::find(participants_.inputs, &source, &Participants::Input::source) != participants_.inputs.end()) {
      continue;
    }
    for (const auto& written : source.parameters.entries) readable(written.name, written.at, true);
    for (const auto& written : source.parameters.valueless) readable(written.name, written.at, true);
    for (const auto& key : source.parameters.misplaced) advise_on(key, true);
  }
}

/// The parameter that a name stands for, or nothing after a warning.
const ParameterSpec* ParameterTable::readable(const std::string& name, recipe::Position at, bool of_source) {
  const auto& method = *participants_.method;
  const ParameterSpec* parameter = find_parameter(method, name);
  if (parameter == nullptr) {
    diagnostics_.warn("CFG047", at, fmt::format("method '{}' has no parameter '{}'", method.name, name),
                      suggestion(method, name));
    return nullptr;
  }
  if (!of_source || parameter->level != Level::merge) return parameter;
  diagnostics_.warn("CFG040", at,
                    fmt::format("parameter '{}' belongs to the whole merge and is not read under a model", name),
                    "move it to the 'parameters:' of the document");
  return nullptr;
}

void ParameterTable::read_place(const Place& place, std::vector<Chain>& chains) {
  const auto& method = *participants_.method;
  for (const auto& written : place.parameters->entries) {
    const ParameterSpec* parameter = readable(written.name, written.at, place.of_source);
    if (parameter == nullptr) continue;
    if (!place.of_source) judge_list(written, *parameter);
    add_entry(written, *parameter, place.origin,
              chains[static_cast<std::size_t>(parameter - method.parameters.data())]);
  }
  for (const auto& written : place.parameters->valueless) readable(written.name, written.at, place.of_source);
  for (const auto& key : place.parameters->misplaced) advise_on(key, place.of_source);
}

/// An unknown key was reported where it was read, by someone who does not know methods.
void ParameterTable::advise_on(const recipe::Parameters::Name& key, bool of_source) {
  const ParameterSpec* parameter = find_parameter(*participants_.method, key.name);
  if (parameter == nullptr) return;
  const bool of_document = of_source && parameter->level == Level::merge;
  diagnostics_.advise("CFG006", key.at,
                      fmt::format("it is a parameter of '{}': put it under 'parameters:'{}", participants_.method->name,
                                  of_document ? " of the document" : ""));
}

/// A list for all models that is as long as theirs reads like a value for each of them, which it is not.
void ParameterTable::judge_list(const recipe::Parameters::Entry& written, const ParameterSpec& parameter) {
  const auto& cases = written.setting.cases;
  if (parameter.level != Level::model || cases.size() != 1 || !cases.front().filter.empty()) return;
  const std::size_t values = cases.front().values.size();
  const std::size_t models = participants_.inputs.size(), listed = participants_.slice->sources.size();  // with a base
  if (values < 2 || (values != models && values != listed)) return;
  diagnostics_.warn(
      "CFG051", cases.front().at,
      fmt::format("parameter '{}' has a list as long as that of the models: it is a gradient over the layers, the same "
                  "for every model",
                  written.name),
      fmt::format(
          "'parameters: {{{}: VALUE}}' under a model is for that model alone; a gradient that is meant may stand "
          "there, too, and is not warned of",
          written.name));
}

void ParameterTable::add_entry(const recipe::Parameters::Entry& written, const ParameterSpec& parameter,
                               std::string_view origin, Chain& chain) {
  Entry entry;
  entry.origin = origin;
  entry.named_at = written.at;
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
  for (const auto& written_case : written.setting.cases) entry.texts.push_back(written_case.texts);
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
    entry.valid = entry.valid && std::holds_alternative<double>(value) && std::isfinite(std::get<double>(value));
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

}  // namespace stockpot::plan
