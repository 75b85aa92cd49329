// What the names of an adapter's tensors say: part of which pair, or saved in place of which tensor of the model.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/adapter.hpp"

namespace stockpot::plan {

/// The tensors that change one module: indices into Adapter::tensors.
struct AdapterModule {
  std::optional<std::uint32_t> a = {}, b = {};                      ///< lora_A [r, in], lora_B [out, r]
  std::optional<std::uint32_t> embedding_a = {}, embedding_b = {};  ///< [r, vocabulary], [dimension, r]
  std::optional<std::uint32_t> magnitude = {};                      ///< DoRA
  std::optional<std::uint32_t> bias = {};                           ///< of lora_B
};

/// A tensor that is saved whole.
struct SavedTensor {
  std::uint32_t tensor = 0;  ///< index into Adapter::tensors
  bool below_pair = false;   ///< "<module>.base_layer.weight": a pair may be added to it
};

struct AdapterNames {
  std::map<std::string, AdapterModule> modules;  ///< by path: "model.layers.0.self_attn.q_proj"
  std::map<std::string, SavedTensor> saved;      ///< by the name of the tensor that they stand for
  std::vector<std::string> leftovers;            ///< names that say nothing, or what another one has said
};

/// "base_model.model." in front and the adapter's name "default" inside are dropped.
AdapterNames read_adapter_names(std::span<const StoredTensor> tensors);

}  // namespace stockpot::plan
