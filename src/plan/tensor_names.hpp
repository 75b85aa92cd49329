// Tensor names cut at their dots.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace stockpot::plan {

/// Walks the components of a name: "a.b" has "a" and "b", "" has one that is empty.
class Components {
 public:
  explicit Components(std::string_view name) : rest_(name) {}

  /// @return nothing after the last one.
  std::optional<std::string_view> next() {
    if (done_) return std::nullopt;
    const auto dot = rest_.find('.');
    const std::string_view part = rest_.substr(0, dot);
    done_ = dot == std::string_view::npos;
    if (!done_) rest_.remove_prefix(dot + 1);
    return part;
  }

 private:
  std::string_view rest_;
  bool done_ = false;
};

/// A name cut at its first component that is all digits.
struct IndexedName {
  std::string_view container, suffix;
  std::uint64_t index = 0;
  std::size_t digits = 1;  ///< as it is written, zeros before it included
};

/// @return nothing for a name without such a component, or with one beyond 64 bits.
std::optional<IndexedName> split_at_index(std::string_view name);

}  // namespace stockpot::plan
