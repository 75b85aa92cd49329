// A LoRA adapter's folder, as the peft library writes it: adapter_config.json and
// adapter_model.safetensors, formerly adapter_model.bin.
#pragma once

#include <string>

#include "core/catalogue.hpp"

namespace stockpot::io {

/// Local. Reads the settings and the header of an adapter; no data byte. Its weight file is appended to `into.files`.
/// @param reference  as the recipe wrote it, for messages.   @param directory  where it was found.
/// @param weight     finite.
/// @throws Error(corrupt_input): REF020 for a folder that is no adapter, REF021 for an adapter of a kind that cannot be
///         merged, naming the key; what a config or a safetensors file may have wrong besides.
Adapter read_adapter(const std::string& reference, const std::string& directory, double weight, Catalogue& into);

}  // namespace stockpot::io
