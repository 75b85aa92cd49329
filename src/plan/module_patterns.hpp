// Regular expressions on module paths, as adapters use them to give some modules another rank or alpha.
#pragma once

#include <cstddef>
#include <optional>
#include <regex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace stockpot::plan {

/// A list of expressions KEY, each matched as ^(.*\.)?(KEY)$; the first that matches counts. Plain paths, of which
/// there may be one for every module, are looked up; a dot in them is a dot.
class ModulePatterns {
 public:
  static constexpr std::size_t max_expressions = 256;        ///< that are more than a plain path
  static constexpr std::size_t max_expression_bytes = 1000;  ///< compiled by recursion over their text
  static constexpr std::size_t max_path_bytes = 1000;

  /// @throws Error(corrupt_input, REF021) for what is no expression, or one that could take forever.
  explicit ModulePatterns(const std::vector<std::string>& keys);
  /// @return the place in the list. @throws Error(corrupt_input, REF021) for a path beyond max_path_bytes.
  std::optional<std::size_t> first_match(std::string_view path) const;

 private:
  void add_expression(const std::string& key, std::size_t place);
  std::unordered_map<std::string, std::size_t> whole_, endings_;  // looked up, never walked
  std::vector<std::pair<std::regex, std::size_t>> expressions_;
};

}  // namespace stockpot::plan
