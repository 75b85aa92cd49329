// A parameter's value as a recipe may write it: a number, a gradient over depth, a list of filtered values.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "recipe/diagnostics.hpp"
#include "recipe/filter.hpp"

namespace stockpot::recipe {

/// A scalar of YAML: a number (booleans are 1 and 0), or text for parameters that are choices.
using Scalar = std::variant<double, std::string>;

/// How a list of values is read between its points.
enum class Between {
  interpolate,  ///< numbers; a list with a text in it is read by steps all the same
  step,         ///< booleans, integers and texts: v[trunc(t * (L - 1))]
};

struct Setting {
  /// Values for the tensor names that `filter` matches. One value, or a gradient's points; never empty.
  struct Case {
    std::string filter;  ///< as Filter has it; "": every name
    std::vector<Scalar> values;
    Position at;
    std::vector<std::string> texts = {};  ///< the same as they are written: "010" is the number 10, but no such text
  };
  std::vector<Case> cases;  ///< the first that matches wins
  Position at;
  /// {alpha, beta} instead: a scale by layer. Then there are no cases.
  struct LayerScale {
    Scalar alpha = 1.0, beta = 0.0;
  };
  std::optional<LayerScale> layer_scale = {};

  /// @param tensor_name  what filters are tested on.   @param t  depth in [0, 1].
  /// @return nothing if no case matches.
  std::optional<Scalar> evaluate(std::string_view tensor_name, double t, Between between) const;
};

}  // namespace stockpot::recipe
