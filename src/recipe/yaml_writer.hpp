// YAML text, value by value, so that read_yaml() reads the same values again.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace YAML {
class Emitter;
}

namespace stockpot::recipe {

enum class Style { block, flow };

/// Writes documents. Calls follow the structure: in a mapping, a key before each value.
class YamlWriter {
 public:
  YamlWriter();
  ~YamlWriter();

  YamlWriter& begin_document();
  YamlWriter& begin_map(Style style = Style::block);
  YamlWriter& end_map();
  YamlWriter& begin_list(Style style = Style::block);
  YamlWriter& end_list();
  YamlWriter& key(std::string_view name);
  /// A text, without quotes where nobody could take it for anything else.
  YamlWriter& text(std::string_view text);
  /// A text in quotes.
  YamlWriter& quoted(std::string_view text);
  /// The shortest decimal number that is this one. @pre finite
  YamlWriter& number(double value);
  YamlWriter& whole(std::uint64_t value);
  YamlWriter& boolean(bool value);

  /// All that was written, with a line end at the end.
  std::string take() const;

 private:
  std::unique_ptr<YAML::Emitter> emitter_;
};

}  // namespace stockpot::recipe
