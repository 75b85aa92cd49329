// What a tokenizer.json does to a text before it is cut.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/json_slices.hpp"

namespace stockpot::tokenizer {

/// Steps of the kinds that byte-level and metaspace tokenizers have: NFC, NFD, NFKC, NFKD, Prepend, Replace by a text.
class Normalizer {
 public:
  /// @param normalizer  of a tokenizer.json; may be null or absent.   @throws NotEncodable for other steps.
  explicit Normalizer(std::optional<JsonValue> normalizer);

  /// @throws NotEncodable if the text grows beyond measure.
  std::string apply(std::string text) const;

 private:
  using Step = std::function<std::string(std::string)>;
  void add(JsonValue normalizer);
  void add_form(const std::string& type);
  void add_replacement(JsonValue normalizer);
  std::vector<Step> steps_;
};

}  // namespace stockpot::tokenizer
