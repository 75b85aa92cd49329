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

/// Of one matrix of the size that language models have.
methods::Needs needs_of(const MethodSpec& method, const methods::Settings& settings) {
  if (method.needs == nullptr) return {};
  return method.needs(settings, {.elements = 1 << 24, .models = settings.models(), .shape = {4096, 4096}});
}

int passes_of(const MethodSpec& method, const methods::Settings& settings) { return needs_of(method, settings).passes; }

/// Statistics passes: with every parameter at its default, and the most that any one other choice asks for, when
/// bounded numbers (such as a density) are neither at their least nor at their most.
std::pair<int, int> passes_range(const MethodSpec& method) {
  const std::size_t models = std::clamp<std::size_t>(2, method.min_models, method.max_models);
  methods::Settings settings(method, models);
  const auto set = [models](methods::Settings& s, const ParameterSpec& parameter, double value) {
    for (std::size_t m = 0; m < models; ++m) s.set(parameter.name, m, value);
  };
  const int plain = passes_of(method, settings);
  for (const ParameterSpec& parameter : method.parameters) {
    const double middle = (parameter.interval.low + parameter.interval.high) / 2;
    if (parameter.type == ValueType::number && std::isfinite(middle)) set(settings, parameter, middle);
  }
  int most = std::max(plain, passes_of(method, settings));
  for (const ParameterSpec& parameter : method.parameters) {
    const std::size_t values = parameter.type == ValueType::boolean ? 2 : parameter.choices.size();
    for (std::size_t value = 0; value < values; ++value) {
      methods::Settings other = settings;
      set(other, parameter, static_cast<double>(value));
      most = std::max(most, passes_of(method, other));
    }
  }
  return {plain, most};
}

std::string passes_text(const MethodSpec& method) {
  const auto [plain, most] = passes_range(method);
  return plain == most ? fmt::format("{}", plain) : fmt::format("{} to {}", plain, most);
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
  for (const MethodSpec* method : methods::all_methods()) fmt::print("{:<22} {}\n", method->name, method->summary);
}

void print_lines(std::string_view text) {
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    fmt::print("    {}\n", text.substr(0, end));
    text = end == text.npos ? "" : text.substr(end + 1);
  }
}

void print_one(const MethodSpec& method) {
  fmt::print("{}: {}\n\n", method.name, method.summary);
  print_lines(method.formula);
  fmt::print("\nbase model  {}\nmodels      {}\npasses      {} before the merging one\n", base_use(method),
             model_count(method), passes_text(method));
  if (!method.source.empty()) fmt::print("source      {}\n", method.source);
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
  ordered_json parameters = ordered_json::array();
  for (const ParameterSpec& parameter : method.parameters) parameters.push_back(to_json(parameter));
  return {{"name", method.name},           {"summary", method.summary}, {"formula", method.formula},
          {"source", method.source},       {"base", base_use(method)},  {"models", model_count(method)},
          {"passes", passes_text(method)}, {"parameters", parameters}};
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
