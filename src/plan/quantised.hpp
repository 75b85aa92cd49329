// Quantised models: which stored tensors are codes, and which scales belong to them.
//
// Names and types decide, config.json only what they leave open. From here on the model consists of the values: whoever
// asks a catalogue for a tensor's type and shape sees those that it decodes to.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/catalogue.hpp"

namespace stockpot::plan {

/// The type of decoded weights that nothing else is said of.
inline constexpr DType decoded_dtype = DType::bf16;

/// Exchanges codes and scales in `model.tensors` for the tensors that they make, in bfloat16, each with its Encoding.
/// Scales of activations go. Models that are not quantised stay as they are, float8 tensors without scales among them.
/// @param notes  gets a line on what was dropped and one on what will be decoded.
/// @throws Error(corrupt_input): FMT080 a scheme that is not known; FMT081 scales missing or of a wrong shape.
void find_quantised(Catalogue& model, std::vector<std::string>& notes);

/// By its name: `x.input_scale` and the like.
bool is_activation_scale(std::string_view name);

}  // namespace stockpot::plan
