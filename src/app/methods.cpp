// stockpot methods [NAME]: what the records of the methods say, for people and as JSON.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "app/commands.hpp"
#include "app/options.hpp"
#include "core/error.hpp"
#include "core/nearest.hpp"
#include "core/size.hpp"
#include "methods/method.hpp"

namespace stockpot::app {
namespace {

using methods::BaseUse;
using methods::Interval;
using methods::Level;
using methods::MethodSpec;
using methods::ParameterSpec;
using methods::ValueType;
using nlohmann::ordered_json;

CommandLine line() {
  return {.name = "methods",
          .purpose = "Lists the merge methods, or explains one: formula, parameters, source.",
          .arguments = {"[NAME]"},
          .groups = {{"output", {{.name = "json", .takes = Takes::toggle, .help = "as JSON"}}}}};
}

const MethodSpec& find(const std::string& name) {
  if (const MethodSpec* method = methods::find_method(name)) return *method;
  std::vector<std::string> names;
  for (const MethodSpec* method : methods::all_methods()) names.emplace_back(method->name);
  const std::string near = did_you_mean(name, names);
  throw Error(ErrorKind::usage, fmt::format("there is no merge method '{}'", printable(name)))
      .hint(near.empty() ? "'stockpot methods' lists them" : near);
}

std::string_view base_use(const MethodSpec& method) {
  switch (method.base) {
    case BaseUse::none:
      return "none";
    case BaseUse::optional:
      return "optional";
    case BaseUse::required:
      return "required";
  }
  return "";
}

std::string model_count(const MethodSpec& method) {
  if (method.min_models == method.max_models) return fmt::format("{}", method.min_models);
  if (method.max_models == std::numeric_limits<std::size_t>::max()) return fmt::format("{} or more", method.min_models);
  return fmt::format("{} to {}", method.min_models, method.max_models);
}

/// What a method may ask of the engine: with every parameter at its default, and the most that any one other choice asks
/// for, when bounded numbers (such as a density) are neither at their least nor at their most.
struct Survey {
  methods::Needs plain, most;
  bool whole_model = false, rows = false;
};

constexpr std::uint64_t surveyed_elements = 1 << 24;

/// Of one matrix of the size that language models have.
methods::Needs needs_of(const MethodSpec& method, const methods::Settings& settings) {
  if (method.needs == nullptr) return {};
  return method.needs(settings, {.elements = surveyed_elements, .models = settings.models(), .shape = {4096, 4096}});
}

std::size_t usual_models(const MethodSpec& method) {
  return std::clamp<std::size_t>(3, method.min_models, method.max_models);
}

void look_at(const MethodSpec& method, const methods::Settings& settings, Survey& survey) {
  const methods::Needs needs = needs_of(method, settings);
  methods::Needs& most = survey.most;
  most.passes = std::max(most.passes, needs.passes);
  most.tally.counts = std::max(most.tally.counts, needs.tally.counts);
  most.tally.sums = std::max(most.tally.sums, needs.tally.sums);
  most.tally.maxima = std::max(most.tally.maxima, needs.tally.maxima);
  most.state_bytes = std::max(most.state_bytes, needs.state_bytes);
  most.workspace_bytes = std::max(most.workspace_bytes, needs.workspace_bytes);
  most.note_bits = std::max(most.note_bits, needs.note_bits);
  most.one_rank = most.one_rank || needs.one_rank;
  survey.whole_model |= method.scope != nullptr && method.scope(settings) == methods::GroupScope::model;
  survey.rows |= method.granularity != nullptr && method.granularity(settings) == methods::Granularity::row;
}

Survey survey_of(const MethodSpec& method) {
  methods::Settings settings(method, usual_models(method));
  const auto set = [](methods::Settings& s, const ParameterSpec& parameter, double value) {
    for (std::size_t m = 0; m < s.models(); ++m) s.set(parameter.name, m, value);
  };
  Survey survey{.plain = needs_of(method, settings), .most = {}};
  look_at(method, settings, survey);
  for (const ParameterSpec& parameter : method.parameters) {
    const double middle = (parameter.interval.low + parameter.interval.high) / 2;
    if (parameter.type == ValueType::number && std::isfinite(middle)) set(settings, parameter, middle);
  }
  look_at(method, settings, survey);
  for (const ParameterSpec& parameter : method.parameters) {
    const std::size_t values = parameter.type == ValueType::boolean ? 2 : parameter.choices.size();
    for (std::size_t value = 0; value < values; ++value) {
      methods::Settings other = settings;
      set(other, parameter, static_cast<double>(value));
      look_at(method, other, survey);
    }
  }
  return survey;
}

std::string passes_text(const Survey& survey) {
  const int plain = survey.plain.passes, most = survey.most.passes;
  return plain == most ? fmt::format("{}", plain) : fmt::format("{} to {}", plain, most);
}

std::string scope_text(const Survey& survey) {
  std::string text = survey.most.passes > 0 ? "tensor" : survey.rows ? "" : "element";
  if (survey.rows) text += text.empty() ? "row" : ", row";
  if (survey.whole_model) text += ", whole model";
  return text;
}

std::string memory_text(const MethodSpec& method, const Survey& survey) {
  const methods::Needs& most = survey.most;
  std::string text;
  const auto add = [&](std::uint64_t amount, std::string_view of) {
    if (amount > 0) text += fmt::format("{}{}{}", text.empty() ? "" : ", ", human_bytes(amount), of);
  };
  add(most.tally.counts * sizeof(std::uint64_t), " of counters");
  add((most.tally.sums + most.tally.maxima) * sizeof(double), " of sums");
  add(most.state_bytes, " between passes");
  add(most.workspace_bytes, " to conclude");
  add(surveyed_elements / 8 * most.note_bits * usual_models(method), " of notes where there is room");
  if (text.empty()) return "nothing beside buffers";
  return fmt::format("up to {}, for a 4096 x 4096 matrix of {} model{}", text, usual_models(method),
                     usual_models(method) == 1 ? "" : "s");
}

std::string communication_text(const Survey& survey) {
  if (survey.most.passes == 0) return "none";
  if (survey.most.one_rank) return "none: each tensor lies on one rank";
  return fmt::format("none where a tensor lies on one rank{}; else its counters and sums, once a pass",
                     survey.whole_model ? " and not for the whole model" : "");
}

std::string fallback(const ParameterSpec& parameter) {
  if (parameter.required) return "required";
  if (!parameter.fallback) return "not set";
  switch (parameter.type) {
    case ValueType::boolean:
      return *parameter.fallback != 0.0 ? "true" : "false";
    case ValueType::choice:
      return std::string(parameter.choices[static_cast<std::size_t>(*parameter.fallback)]);
    case ValueType::names:
    case ValueType::layer_scale:
      return "none";
    case ValueType::integer:
    case ValueType::number:
      return fmt::format("{}", *parameter.fallback);
  }
  return "";
}

std::string range(const ParameterSpec& parameter) {
  switch (parameter.type) {
    case ValueType::boolean:
      return "true or false";
    case ValueType::choice:
      return fmt::format("{}", fmt::join(parameter.choices, ", "));
    case ValueType::integer:
      return fmt::format("integer, {}", parameter.interval.text());
    case ValueType::names:
      return "list of texts";
    case ValueType::layer_scale:
      return "{alpha, beta}, finite";
    case ValueType::number:
      return parameter.interval.text();
  }
  return "";
}

std::string_view level(const ParameterSpec& parameter) {
  return parameter.level == Level::model ? "per model" : "per merge";
}

void print_list() {
  for (const MethodSpec* method : methods::all_methods()) fmt::print("{:<18} {}\n", method->name, method->summary);
}

void print_lines(std::string_view text) {
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    fmt::print("    {}\n", text.substr(0, end));
    text = end == text.npos ? "" : text.substr(end + 1);
  }
}

void print_one(const MethodSpec& method) {
  const Survey survey = survey_of(method);
  const auto row = [](std::string_view title, std::string_view text) { fmt::print("{:<15}{}\n", title, text); };
  fmt::print("{}: {}\n\n", method.name, method.summary);
  print_lines(method.formula);
  fmt::print("\n");
  row("base model", base_use(method));
  row("models", fmt::format("{}{}", model_count(method), method.base == BaseUse::none ? "" : " beside the base"));
  row("statistics", fmt::format("of each {}", scope_text(survey)));
  row("passes", fmt::format("{} before the merging one", passes_text(survey)));
  row("memory", memory_text(method, survey));
  row("communication", communication_text(survey));
  if (!method.source.empty()) row("source", method.source);
  if (method.parameters.empty()) return;
  fmt::print("\nparameters:\n");
  for (const ParameterSpec& parameter : method.parameters) {
    fmt::print("  {:<20} {}, {}, default {}\n  {:<20} {}\n", parameter.name, level(parameter), range(parameter),
               fallback(parameter), "", parameter.help);
  }
}

/// JSON has no infinity: a bound that is none is null.
ordered_json bound(double value) { return std::isfinite(value) ? ordered_json(value) : ordered_json(nullptr); }

ordered_json to_json(const ParameterSpec& parameter) {
  return {{"name", parameter.name},
          {"level", parameter.level == Level::model ? "model" : "merge"},
          {"range", range(parameter)},
          {"low", bound(parameter.interval.low)},
          {"high", bound(parameter.interval.high)},
          {"choices", parameter.choices},
          {"required", parameter.required},
          {"default", parameter.fallback ? ordered_json(fallback(parameter)) : ordered_json(nullptr)},
          {"help", parameter.help}};
}

ordered_json to_json(const MethodSpec& method) {
  const Survey survey = survey_of(method);
  ordered_json parameters = ordered_json::array();
  for (const ParameterSpec& parameter : method.parameters) parameters.push_back(to_json(parameter));
  return {{"name", method.name},
          {"summary", method.summary},
          {"formula", method.formula},
          {"source", method.source},
          {"base", base_use(method)},
          {"models", model_count(method)},
          {"passes", passes_text(survey)},
          {"scope", scope_text(survey)},
          {"memory", memory_text(method, survey)},
          {"communication", communication_text(survey)},
          {"parameters", parameters}};
}

}  // namespace

int methods_command(Arguments arguments) {
  const auto values = read_line(line(), arguments);
  if (!values) return 0;
  if (const auto name = values->argument(0)) {
    const MethodSpec& method = find(*name);
    if (values->on("json")) {
      fmt::print("{}\n", to_json(method).dump(2));
    } else {
      print_one(method);
    }
  } else if (values->on("json")) {
    ordered_json all = ordered_json::array();
    for (const MethodSpec* method : methods::all_methods()) all.push_back(to_json(*method));
    fmt::print("{}\n", all.dump(2));
  } else {
    print_list();
  }
  return 0;
}

}  // namespace stockpot::app
