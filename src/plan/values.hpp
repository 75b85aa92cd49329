// A scalar of a recipe as the number that a method's parameter wants.
#pragma once

#include <string>
#include <variant>

#include "methods/settings.hpp"
#include "recipe/setting.hpp"

namespace stockpot::plan {

/// Why a value does not do: the diagnostic's code, and the end of a sentence that begins with "parameter 'x'".
struct ValueProblem {
  std::string code;
  std::string text;
  std::string help;
};

/// Reads a value by the parameter's type: booleans as 1 and 0, choices as their index. Ranges are checked later, since
/// gradients have values between their points.
std::variant<double, ValueProblem> read_value(const methods::ParameterSpec& parameter, const recipe::Scalar& scalar);

/// A parameter's number as a recipe would have it: the name of a choice, true or false.
std::string written_value(const methods::ParameterSpec& parameter, double value);

/// How values of a gradient are read between its points.
recipe::Between between(const methods::ParameterSpec& parameter);

}  // namespace stockpot::plan
