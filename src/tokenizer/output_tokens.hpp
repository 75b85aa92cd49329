// The output's tokens while they are collected: those of the donor's tokenizer, then what is appended.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tokenizer/tokenizer_file.hpp"

namespace stockpot::tokenizer {

struct OutputToken {
  std::string_view text;  ///< lives where it was read or asked for
  std::uint32_t id = 0;
  bool in_model = false;  ///< an entry of the donor's model vocabulary
  std::optional<TokenFlags> added = {};
  bool listed = false;  ///< in the donor's list of added tokens
};

class OutputTokens {
 public:
  /// @param limit  tokens of the donor with this id or a higher one are left out. The donor must outlive this.
  OutputTokens(const TokenizerFile& donor, std::uint64_t limit);

  std::optional<OutputToken> find(std::string_view text) const;
  /// Gives an added token the next id. @pre it is not there, and not empty: the library would pass over it
  void append(std::string_view text, const TokenFlags& flags);

  /// Makes an ordinary token an added one, too; one that was appended as such gets other flags. @pre it is there
  void promote(std::string_view text, const TokenFlags& flags);

  const std::vector<OutputToken>& all() const { return tokens_; }  ///< ascending by id
  std::uint64_t end() const { return tokens_.empty() ? 0 : std::uint64_t{tokens_.back().id} + 1; }
  const TokenizerFile& donor() const { return *donor_; }
  bool keeps(const Token& of_donor) const { return of_donor.id < limit_; }
  /// How many tokens of all() come from the donor: the first ones.
  std::size_t from_donor() const { return from_donor_; }
  bool stripped() const { return from_donor_ < donor_->tokens().size(); }

 private:
  std::optional<std::size_t> place_of(std::string_view text) const;

  const TokenizerFile* donor_;
  std::uint64_t limit_;
  std::vector<OutputToken> tokens_;
  std::size_t from_donor_;
  std::unordered_map<std::string_view, std::size_t> appended_;  // index into tokens_
};

}  // namespace stockpot::tokenizer
