#include "plan/values.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "core/nearest.hpp"
#include "recipe/number.hpp"
#include "recipe/text.hpp"

namespace stockpot::plan {
namespace {

using methods::ParameterSpec;
using methods::ValueType;

/// Text that reads as a number: YAML 1.1 leaves `1e-5` a text.
std::optional<double> number_in(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<double> boolean_in(std::string_view text) {
  const std::string lower = recipe::lower_case(text);
  for (const std::string_view word : {"true", "yes", "on", "y"}) {
    if (lower == word) return 1.0;
  }
  for (const std::string_view word : {"false", "no", "off", "n"}) {
    if (lower == word) return 0.0;
  }
  return number_in(text);
}

std::variant<double, ValueProblem> read_choice(const ParameterSpec& parameter, const recipe::Scalar& scalar) {
  const auto* text = std::get_if<std::string>(&scalar);
  const auto at =
      text == nullptr ? parameter.choices.end() : std::find(parameter.choices.begin(), parameter.choices.end(), *text);
  if (at != parameter.choices.end()) return static_cast<double>(at - parameter.choices.begin());
  const std::string given = text != nullptr ? *text : fmt::format("{}", std::get<double>(scalar));
  const std::vector<std::string> known(parameter.choices.begin(), parameter.choices.end());
  return ValueProblem{"CFG052", fmt::format("= {}: must be one of {}", given, fmt::join(known, ", ")),
                      did_you_mean(given, known)};
}

std::optional<double> as_number(const ParameterSpec& parameter, const recipe::Scalar& scalar) {
  if (const auto* value = std::get_if<double>(&scalar)) return *value;
  const auto& text = std::get<std::string>(scalar);
  return parameter.type == ValueType::boolean ? boolean_in(text) : number_in(text);
}

}  // namespace

std::variant<double, ValueProblem> read_value(const ParameterSpec& parameter, const recipe::Scalar& scalar) {
  if (parameter.type == ValueType::choice) return read_choice(parameter, scalar);
  const auto value = as_number(parameter, scalar);
  if (!value) {
    const auto& text = std::get<std::string>(scalar);
    return ValueProblem{"CFG021", fmt::format("= '{}': is not a number", text), recipe::decimal_point_help(text)};
  }
  if (parameter.type == ValueType::boolean) {
    if (!std::isfinite(*value)) return ValueProblem{"CFG052", fmt::format("= {}: must be true or false", *value), ""};
    return *value != 0.0 ? 1.0 : 0.0;
  }
  if (parameter.type == ValueType::integer && *value != std::trunc(*value)) {
    return ValueProblem{"CFG045", fmt::format("= {}: must be an integer", *value), ""};
  }
  return *value;
}

std::string written_value(const ParameterSpec& parameter, double value) {
  switch (parameter.type) {
    case ValueType::choice:
      return std::string(parameter.choices[static_cast<std::size_t>(value)]);
    case ValueType::boolean:
    case ValueType::names:
      return value != 0.0 ? "true" : "false";
    default:
      return fmt::format("{}", value);
  }
}

recipe::Between between(const ParameterSpec& parameter) {
  return parameter.type == ValueType::number ? recipe::Between::interpolate : recipe::Between::step;
}

}  // namespace stockpot::plan
