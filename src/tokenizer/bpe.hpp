// Byte-pair encoding: a word becomes tokens.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/tokenizer_file.hpp"

namespace stockpot::tokenizer {

class Bpe {
 public:
  /// @param file  of a BPE model; must outlive this.   @throws NotEncodable for one that drops merges at random.
  explicit Bpe(const TokenizerFile& file);

  /// Adds the word's tokens to `ids`. Characters that have none, where there is no token for the unknown, are passed
  /// over, as the reference library does.
  void encode(std::string_view word, std::vector<std::uint32_t>& ids) const;

 private:
  struct Rule {
    std::uint64_t pair = 0;  ///< of ids
    std::uint32_t rank = 0, product = 0;
  };
  struct Symbol {
    std::uint32_t id = 0;
    std::int64_t before = -1, behind = -1;
    bool gone = false;
  };
  std::optional<std::uint32_t> id_of(std::string_view text) const;
  std::optional<std::string> text_member(JsonValue model, std::string_view key) const;
  void read_rules();
  const Rule* rule_of(std::uint32_t left, std::uint32_t right) const;
  std::vector<std::uint32_t> characters(std::string_view word) const;
  bool add_bytes(std::string_view character, std::vector<std::uint32_t>& ids) const;
  void merge(std::vector<Symbol>& symbols) const;

  const TokenizerFile& file_;
  std::string prefix_, suffix_;
  std::optional<std::uint32_t> unknown_;
  bool fuses_unknown_ = false, ignores_merges_ = false, falls_back_ = false;
  std::array<std::optional<std::uint32_t>, 256> bytes_;
  std::vector<Rule> rules_;  // ascending by pair, each once
};

}  // namespace stockpot::tokenizer
