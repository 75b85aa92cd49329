// What the user asked for on a command's line or in the environment.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/remark.hpp"

namespace stockpot::app {

/// Looked up by an Option's name: the line, else the environment. Defaults are for the caller, who knows of recipes
/// too.
class Values {
 public:
  /// @param name  of an Option of the line.
  bool given(std::string_view name) const { return values_.contains(name); }
  /// False for a toggle that the command does not have.
  bool on(std::string_view name) const;
  std::uint64_t times(std::string_view name) const;
  std::optional<std::string> text(std::string_view name) const;
  std::vector<std::string> texts(std::string_view name) const;
  /// @throws Error(usage) if it is not a whole number in [least, most], or not a size (core/size.hpp), or not a time.
  std::optional<std::uint64_t> number(std::string_view name, std::uint64_t least = 0,
                                      std::uint64_t most = std::numeric_limits<std::uint64_t>::max()) const;
  std::optional<std::uint64_t> size(std::string_view name) const;
  /// Likewise, where 5B means 5 GB.
  std::optional<std::uint64_t> shard_size(std::string_view name) const;
  std::optional<std::uint64_t> seconds(std::string_view name) const;
  /// The index of its value in `choices`. @throws Error(usage) with the nearest one.
  std::optional<std::size_t> choice(std::string_view name, const std::vector<std::string>& choices) const;

  /// The i-th argument that is no option, or nothing.
  std::optional<std::string> argument(std::size_t i) const;
  /// Infos, for stderr of one rank: options without effect.
  const std::vector<Remark>& notices() const { return notices_; }

 private:
  friend class LineReader;
  struct Given {
    std::vector<std::string> texts;
    std::string place;  ///< "--threads" or "STOCKPOT_THREADS", for messages
  };
  const Given* find(std::string_view name) const;
  std::map<std::string, Given, std::less<>> values_;
  std::map<std::string, bool, std::less<>> toggles_;
  std::vector<std::string> arguments_;
  std::vector<Remark> notices_;
};

/// "90", "15m", "2h", "1:30:00" as seconds; nothing if it is none of these.
std::optional<std::uint64_t> parse_seconds(std::string_view text);

}  // namespace stockpot::app
