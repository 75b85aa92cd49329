// The output's vocabulary as numbers: which row of each model's embedding belongs to which output token.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace stockpot {

/// Made from the models' tokenizers, once, by one rank. Models are numbered as MergeDocument::models() lists them.
struct OutputVocabulary {
  /// A token whose row a recipe decides.
  struct Override {
    enum class Kind {
      by_models,  ///< as for any other token, but see `force`
      zero,       ///< a row of zeros
      row         ///< row `row` of model `model`
    };
    std::uint32_t id = 0;  ///< of the output
    Kind kind = Kind::by_models;
    std::uint32_t model = 0;
    std::uint64_t row = 0;
    bool force = false;  ///< every model gets the default row, also those that have the token
    bool operator==(const Override&) const = default;
  };

  std::uint64_t tokens = 0;  ///< V: 1 + the highest id
  std::uint64_t rows = 0;    ///< of embeddings and heads: V, rounded up if the recipe pads
  /// [model][output id]: the id that the model's own tokenizer gives the token, -1 if it does not have it. Whether the
  /// model's matrix has that row is for others to check.
  std::vector<std::vector<std::int32_t>> own_ids;
  std::vector<std::uint8_t> used;   ///< [output id]: 0 where no token has that id
  std::vector<Override> overrides;  ///< ascending by id, each id once

  std::string pack() const;
  static OutputVocabulary unpack(std::string_view packed);
  bool operator==(const OutputVocabulary&) const = default;
};

}  // namespace stockpot
