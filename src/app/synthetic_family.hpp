// A family of synthetic checkpoints on disk: a base model and models fine-tuned from it.
#pragma once

#include <cstdint>
#include <string>

#include "core/architectures.hpp"
#include "core/dtype.hpp"

namespace stockpot::app {

struct FamilyOptions {
  std::string architecture;  ///< a name of core/architectures.hpp
  std::uint64_t tunes = 2;
  DType dtype = DType::bf16;
  std::uint64_t shard_bytes = 5'000'000'000;
  std::uint64_t seed = 0;
  std::uint64_t threads = 1;
  bool hollow = false;  ///< headers, and files of the right length without data: for plans of huge models
};

/// The bytes of all tensor data of the family.
std::uint64_t data_bytes(const FamilyOptions& options);

/// Writes DIRECTORY/base and DIRECTORY/tune-1 ... in Hugging Face layout, with config.json, a small tokenizer and the
/// other side files. The bytes depend on the options alone, not on `threads`.
/// @param directory  exists and is empty.
void write_family(const std::string& directory, const FamilyOptions& options);

}  // namespace stockpot::app
