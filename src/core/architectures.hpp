// Public model architectures as lists of tensors: to make synthetic checkpoints, and to plan for models that are not
// here.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/tensor.hpp"

namespace stockpot {

/// How an architecture names and shapes the tensors of its layers.
enum class Family { llama, qwen2, mixtral, deepseek, gpt2, bert };

/// A mixture-of-experts architecture's feed-forward blocks.
struct Experts {
  std::uint64_t count = 0, per_token = 0;
  std::uint64_t intermediate = 0;  ///< of one expert
  std::uint64_t dense_layers = 0;  ///< the first so many layers have no experts
};

/// Low-rank projections of DeepSeek's attention, and its head dimensions: without rotation, with it, of values.
struct LatentAttention {
  std::uint64_t q_rank = 0, kv_rank = 0;
  std::uint64_t nope_head = 0, rope_head = 0, value_head = 0;
};

/// What config.json says of an architecture. A number that its family does not know is 0.
struct Architecture {
  std::string_view name;        ///< "llama-70b"
  std::string_view class_name;  ///< architectures[0]
  std::string_view model_type;
  Family family = Family::llama;
  std::uint64_t layers = 0;
  std::uint64_t hidden = 0;
  std::uint64_t intermediate = 0;  ///< of a dense feed-forward block; of one expert in Mixtral
  std::uint64_t heads = 0;
  std::uint64_t kv_heads = 0;
  std::uint64_t vocabulary = 0;
  std::uint64_t positions = 0;  ///< max_position_embeddings; n_positions
  bool tied_head = false;       ///< the input embedding is the output head too

  Experts experts = {};
  LatentAttention latent = {};

  std::uint64_t head_dim() const { return hidden / heads; }
};

/// Names, smallest first, for help texts.
std::vector<std::string> architecture_names();

/// @throws Error(usage) that lists the known names.
const Architecture& find_architecture(std::string_view name);

/// The tensors of a checkpoint, ascending by name, bytewise. Weights have type `dtype`; what the released checkpoints
/// store in a type of its own (router corrections in F32, position numbers in I64) keeps that type.
/// @throws Error(usage) as find_architecture().
std::vector<TensorInfo> architecture_tensors(std::string_view name, DType dtype);

}  // namespace stockpot
