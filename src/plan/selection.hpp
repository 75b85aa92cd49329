// Which tensors a document's overrides, `include` and `exclude` are about.
#pragma once

#include <cstddef>
#include <optional>
#include <regex>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "plan/parameters.hpp"
#include "recipe/extensions.hpp"
#include "recipe/filter.hpp"

namespace stockpot::plan {

/// Sorts output names.
class Selection {
 public:
  explicit Selection(const recipe::Extensions& extensions);

  /// Neither merged by the document's method nor by any override.
  bool excludes(std::string_view name) const;
  /// The first override whose filter matches, or nothing: the document's own method. @pre !excludes(name)
  std::optional<std::size_t> override_of(std::string_view name) const;

  /// Sorts the filters by whether they match any of the names.
  void judge_filters(std::span<const std::string_view> names, std::set<FilterPlace>& live,
                     std::set<FilterPlace>& idle) const;

 private:
  struct Placed {
    recipe::Filter filter;
    recipe::Position at;
  };
  static bool any(const std::vector<Placed>& filters, std::string_view name);
  std::vector<Placed> include_, exclude_, overrides_;
};

/// Warns of filters that match no tensor anywhere (CFG046).
void report_idle_filters(std::span<const std::string_view> names, const std::set<FilterPlace>& live,
                         const std::set<FilterPlace>& idle, recipe::Diagnostics& diagnostics);

/// What renames make of an output name.
class Renaming {
 public:
  explicit Renaming(std::span<const recipe::Rename> renames);
  std::string operator()(std::string_view name) const;

 private:
  std::vector<std::pair<std::regex, std::string>> rules_;
};

}  // namespace stockpot::plan
