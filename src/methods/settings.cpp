#include "methods/settings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>

#include "core/error.hpp"
#include "methods/method.hpp"

namespace stockpot::methods {
namespace {

constexpr double not_set = std::numeric_limits<double>::quiet_NaN();

std::size_t slots(const ParameterSpec& parameter, std::size_t models) {
  return parameter.level == Level::model ? models : 1;
}

Error misused(const MethodSpec& method, std::string_view parameter, std::string_view how) {
  return Error(ErrorKind::internal, fmt::format("{}: parameter '{}' {}", method.name, parameter, how));
}

}  // namespace

bool Interval::contains(double value) const {
  if (!std::isfinite(value)) return false;
  const bool above = low_open ? value > low : value >= low;
  const bool below = high_open ? value < high : value <= high;
  return above && below;
}

std::string Interval::text() const {
  if (std::isinf(low) && std::isinf(high)) return "finite";
  if (std::isinf(high)) return fmt::format("{} {}", low_open ? ">" : ">=", low);
  if (std::isinf(low)) return fmt::format("{} {}", high_open ? "<" : "<=", high);
  return fmt::format("in {}{}, {}{}", low_open ? '(' : '[', low, high, high_open ? ')' : ']');
}

Settings::Settings(const MethodSpec& method, std::size_t models, std::size_t merge_models)
    : method_(&method), models_(models), merge_models_(merge_models == 0 ? models : merge_models) {
  for (const ParameterSpec& parameter : method.parameters) {
    values_.insert(values_.end(), slots(parameter, models), parameter.fallback.value_or(not_set));
  }
}

void Settings::set(std::string_view parameter, std::size_t model, double value) {
  const auto [spec, at] = find(parameter);
  const std::size_t slot = spec->level == Level::model ? model : 0;
  if (slot >= slots(*spec, models_)) throw misused(*method_, parameter, "has no such model");
  values_[at + slot] = value;
}

double Settings::number(std::string_view parameter) const {
  const auto [spec, at] = find(parameter);
  if (spec->level != Level::merge) throw misused(*method_, parameter, "has one value per model");
  if (std::isnan(values_[at])) throw misused(*method_, parameter, "has no value");
  return values_[at];
}

std::string_view Settings::choice(std::string_view parameter) const {
  const auto [spec, at] = find(parameter);
  const double index = number(parameter);
  if (!(index >= 0.0 && index < static_cast<double>(spec->choices.size()))) {
    throw misused(*method_, parameter, "is none of its choices");
  }
  return spec->choices[static_cast<std::size_t>(index)];
}

bool Settings::is_set(std::string_view parameter, std::size_t model) const {
  const auto [spec, at] = find(parameter);
  const std::size_t slot = spec->level == Level::model ? model : 0;
  return slot < slots(*spec, models_) && !std::isnan(values_[at + slot]);
}

bool Settings::declares(std::string_view parameter) const {
  return std::ranges::any_of(method_->parameters, [&](const ParameterSpec& spec) { return spec.name == parameter; });
}

std::span<const double> Settings::per_model(std::string_view parameter) const {
  const auto [spec, at] = find(parameter);
  if (spec->level != Level::model) throw misused(*method_, parameter, "has one value for the merge");
  return std::span(values_).subspan(at, models_);
}

bool Settings::operator==(const Settings& other) const {
  const auto same_bits = [](double a, double b) {
    return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b);
  };
  return method_ == other.method_ && models_ == other.models_ && std::ranges::equal(values_, other.values_, same_bits);
}

std::pair<const ParameterSpec*, std::size_t> Settings::find(std::string_view parameter) const {
  std::size_t at = 0;
  for (const ParameterSpec& spec : method_->parameters) {
    if (spec.name == parameter) return {&spec, at};
    at += slots(spec, models_);
  }
  throw misused(*method_, parameter, "does not exist");
}

}  // namespace stockpot::methods
