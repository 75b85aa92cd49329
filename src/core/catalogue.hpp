// The tensor table: what a model's headers and config.json say, before any data byte is read.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/adapter.hpp"
#include "core/encoding.hpp"
#include "core/tensor.hpp"

namespace stockpot {

struct StoredFile {
  std::string path;
  std::uint64_t bytes = 0;
  std::int64_t modified_ns = 0;
  std::uint64_t inode = 0;
};

/// What Stockpot reads in a model's config.json. Everything is optional there.
struct ModelConfig {
  struct LayerCount {
    std::string key;  ///< with its path: "text_config.num_hidden_layers"
    std::uint64_t layers = 0;
  };
  std::vector<std::string> architectures;
  std::string model_type;
  std::vector<LayerCount> layer_counts;  ///< in the order in which they are to be tried
  std::optional<bool> tied_embeddings;
  std::optional<std::uint64_t> vocab_size;   ///< in the text model's own object, else at top level
  std::optional<std::uint64_t> hidden_size;  ///< likewise
  std::optional<std::uint64_t> experts;      ///< likewise: num_experts, num_local_experts or n_routed_experts
  /// num_nextn_predict_layers, likewise: entries after the layers that predict further tokens, numbered like layers
  std::optional<std::uint64_t> prediction_layers;
  bool quantized = false;  ///< there is a quantization_config
  /// What it says of scales, where it says it once: weight_block_size or block_structure, and group_size.
  std::optional<std::uint64_t> block_rows, block_columns, group_size;
};

/// One model's checkpoint. Built by one rank and broadcast.
struct Catalogue {
  std::string model;      ///< the reference as the recipe wrote it
  std::string directory;  ///< where it was found
  std::vector<StoredFile> files;
  std::vector<StoredTensor> tensors;  ///< ascending by name, bytewise
  ModelConfig config;
  std::vector<Adapter> adapters;         ///< in the order in which they are added
  std::vector<std::string> tied_copies;  ///< names of stored heads that equal the embedding bit for bit
  std::vector<std::string> warnings;     ///< one line each, met while reading
  /// What tensors called *.weight_shape hold, by name: rows and columns of packed weights.
  std::map<std::string, Shape> packed_shapes;
  std::vector<Encoding> encodings;  ///< made by the plan, which knows quantised tensors; no part of pack()

  /// Binary search. @return nullptr if the model has no such tensor.
  const StoredTensor* find(std::string_view tensor_name) const;
  /// Of the tensors as they are stored.
  std::uint64_t data_bytes() const;

  std::string pack() const;
  static Catalogue unpack(std::string_view packed);
};

}  // namespace stockpot
