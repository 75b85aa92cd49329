// What a merge changes in the anchor's config.json.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/dtype.hpp"

namespace stockpot {

struct ConfigEdits {
  /// The layers of one stack of the output.
  struct Layers {
    std::string key;                  ///< of their count, with its path: "text_config.num_hidden_layers"
    std::uint64_t before = 0;         ///< layers of the anchor
    std::vector<std::uint64_t> from;  ///< by output layer: the layer of the slice's first source that it comes from
    bool operator==(const Layers&) const = default;
  };
  /// A key at top level that is not the anchor's business.
  struct Assignment {
    enum class How {
      set,
      copy,  ///< the value of the key that `json` names, if there is one
      erase
    };
    std::string key;
    std::string json = {};  ///< the value
    How how = How::set;
    std::vector<std::string> unless = {};  ///< keys: if one of them is there, nothing is done
    bool operator==(const Assignment&) const = default;
  };
  std::optional<DType> dtype;                        ///< of the weights; nothing: keep what the anchor says
  bool untie_head = false;                           ///< the output has a head of its own
  std::optional<std::uint64_t> vocab_size = {};      ///< rows of the embeddings, where they are not the anchor's
  std::optional<std::uint64_t> old_vocab_size = {};  ///< rows of the anchor's: only keys with this value change
  std::vector<Layers> layers = {};                   ///< of the stacks whose layers are not just the anchor's
  std::optional<std::string> architecture = {};      ///< override_architecture of the anchor
  std::vector<Assignment> assignments = {};          ///< in this order
  bool dequantized = false;                          ///< quantization_config goes
  /// Ids of special tokens by old id, where the tokenizer is not the anchor's; nothing: the token does not exist.
  std::optional<std::vector<std::pair<std::uint64_t, std::optional<std::uint64_t>>>> token_ids = {};
};

}  // namespace stockpot
