// What does not fit together between models, and what is done about it: in one report, each with its place in the recipe.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "recipe/recipe.hpp"

namespace stockpot::plan {

/// Differences between models, collected so that one run shows them all. Most are about one tensor of one model: their
/// place is that model's in the recipe.
class Differences {
 public:
  void add(std::string_view code, recipe::Position at, std::string text);
  void warn(std::string_view code, recipe::Position at, std::string text);

  bool empty() const { return errors_.empty(); }
  /// "r.yml:3:12: warning[TEN001]: ...", one each, in the order in which they came.
  std::vector<std::string> warnings(const std::string& recipe_path) const;
  /// The errors likewise, the first 20 of each code, and what may be done about them.
  std::string report(const std::string& recipe_path) const;
  /// @throws Error(corrupt_input) with the report.
  [[noreturn]] void raise(const std::string& recipe_path) const;

 private:
  struct Difference {
    recipe::Position at;
    std::string text;
  };
  std::map<std::string, std::vector<Difference>> errors_;  // by code
  std::vector<std::pair<std::string, Difference>> warnings_;
};

}  // namespace stockpot::plan
