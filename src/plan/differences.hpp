// What does not fit together between models, and what is done about it: in one report, each with its place in the recipe.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "recipe/recipe.hpp"

namespace stockpot::plan {

/// Differences between models, collected so that one run shows them all. Most are about one tensor of one model: their
/// place is that model's in the recipe.
class Differences {
 public:
  void add(std::string_view code, recipe::Position at, std::string text);
  void warn(std::string_view code, recipe::Position at, std::string text, std::string help = "");
  /// What was decided, and is as it should be.
  void inform(std::string_view code, recipe::Position at, std::string text);

  bool empty() const { return errors_.empty(); }
  /// Infos and warnings in the order in which they came.
  std::vector<Remark> remarks(const std::string& recipe_path) const;
  /// The errors, the first 20 of each code, and what may be done about them.
  std::vector<Remark> report(const std::string& recipe_path) const;
  /// @throws Error with the report: ErrorKind::recipe if it is the recipe that asks for what the models cannot give
  ///         (RAW001), else corrupt_input.
  [[noreturn]] void raise(const std::string& recipe_path) const;

 private:
  std::map<std::string, std::vector<recipe::Diagnostic>> errors_;  // by code
  std::vector<recipe::Diagnostic> others_;
};

}  // namespace stockpot::plan
