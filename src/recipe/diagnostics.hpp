// Mistakes in a recipe: collected, sorted by place, shown together.
#pragma once

#include <compare>
#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.hpp"

namespace stockpot::recipe {

/// Line and column (in characters), both from 1. Line 0: no place.
struct Position {
  int line = 0;
  int column = 0;
  int used_line = 0;  ///< where the YAML alias stands through which this place was reached; 0: through none
  int used_column = 0;
  auto operator<=>(const Position&) const = default;
};

using stockpot::Severity;

struct Diagnostic {
  Severity severity = Severity::error;
  std::string code;  ///< "CFG041"
  Position at;
  std::string message;
  std::string help;  ///< may be empty
  bool operator==(const Diagnostic&) const = default;
};

/// Collects diagnostics of one recipe file, each once.
class Diagnostics {
 public:
  Diagnostics() = default;
  /// @param text  the recipe's bytes, for the quoted line under a message.
  Diagnostics(std::string path, std::string text);

  void error(std::string_view code, Position at, std::string message, std::string help = "");
  void warn(std::string_view code, Position at, std::string message, std::string help = "");
  /// What was decided, and is as it should be.
  void inform(std::string_view code, Position at, std::string message);
  void add(Diagnostic diagnostic);  ///< once
  /// Help for what was reported there under this code, if it was, instead of the help that it has.
  void advise(std::string_view code, Position at, const std::string& help);
  /// An error after which nothing more can be found out. @throws Error(recipe) with all that was found.
  [[noreturn]] void stop(std::string_view code, Position at, std::string message, std::string help = "");
  const std::vector<Diagnostic>& all() const { return found_; }
  bool has_errors() const { return fails(false); }
  /// Whether there is any error, or any warning while `strict`.
  bool fails(bool strict) const;

  /// Sorted by place, each once, shown in the form
  ///   cfg.yml:7:5: error[CFG041]: parameter 'weight' has no value for model 'org/b'
  ///      7 |   - model: org/b
  ///        |     ^
  ///      = help: add 'parameters: {weight: ...}' under this model
  std::vector<Remark> remarks(Severity at_least = Severity::info) const;
  /// The first 20 of remarks(), one below the other, without a line end at the end.
  std::string report(Severity at_least = Severity::warning) const;
  /// @throws Error(recipe) with the first 20 of remarks() if it fails().
  void throw_if_errors(bool strict = false) const;

 private:
  Remark remark(const Diagnostic& diagnostic) const;
  std::string quoted_line(Position at) const;
  std::string path_, text_;
  std::vector<Diagnostic> found_;
  std::map<std::string, std::size_t> known_;  // indices into found_, by place, code and message
};

/// A name from the recipe in quotes, for a message: at most 60 characters of it, control characters shown.
std::string in_quotes(std::string_view name);

}  // namespace stockpot::recipe
