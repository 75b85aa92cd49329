// The parameters that a merge method declares, and their values for one output tensor.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace stockpot::methods {

/// Whether a parameter has one value per model, or one for the merge. Both may still vary from tensor to tensor.
enum class Level { model, merge };
enum class ValueType {
  number,
  boolean,
  integer,
  choice,
  names,        ///< texts in the recipe; here true if one of them is part of the tensor's name
  layer_scale,  ///< {alpha, beta} in the recipe; here the factor of the tensor's layer
};

/// The values that a number may take. Infinite bounds mean none; NaN and infinities are never in range.
struct Interval {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  bool low_open = false;
  bool high_open = false;
  bool contains(double value) const;
  std::string text() const;  ///< "in [0, 1]", "> 0", "finite"
};

struct ParameterSpec {
  std::string_view name = {};
  Level level = Level::merge;
  ValueType type = ValueType::number;
  /// Used when the recipe gives no value. Nothing: see `required`. A choice's default is an index into `choices`.
  std::optional<double> fallback = {};
  bool required = false;  ///< no value and no fallback: an error if required, else "not set"
  /// Decides the statistics: where they span the whole model it must not vary between tensors.
  bool same_in_group = false;
  Interval interval = {};
  std::vector<std::string_view> choices = {};
  std::string_view help = {};
};

struct MethodSpec;

/// The resolved parameters of one output tensor. Per-model values are in the order of the models that take part in it.
class Settings {
 public:
  /// @param models  that take part in the tensor.   @param merge_models  of the merge; 0: the same
  Settings(const MethodSpec& method, std::size_t models, std::size_t merge_models = 0);

  /// @param model  ignored for Level::merge. Choices are set by index.
  void set(std::string_view parameter, std::size_t model, double value);

  double number(std::string_view parameter) const;  ///< Level::merge; its value or fallback
  bool flag(std::string_view parameter) const { return number(parameter) != 0.0; }
  std::string_view choice(std::string_view parameter) const;
  bool is_set(std::string_view parameter, std::size_t model = 0) const;
  /// Whether the method has a parameter of this name: kernels that methods share ask before they read it.
  bool declares(std::string_view parameter) const;
  std::span<const double> per_model(std::string_view parameter) const;  ///< NaN where not set

  const MethodSpec& method() const { return *method_; }
  std::size_t models() const { return models_; }
  /// Models of the merge: some may lack the tensor.
  std::size_t merge_models() const { return merge_models_; }
  /// Same method, same values bit by bit; "not set" equals "not set".
  bool operator==(const Settings&) const;

 private:
  std::pair<const ParameterSpec*, std::size_t> find(std::string_view parameter) const;  ///< with its place in values_
  const MethodSpec* method_;
  std::size_t models_, merge_models_;
  std::vector<double> values_;
};

}  // namespace stockpot::methods
