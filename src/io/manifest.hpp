// stockpot-manifest.json: what a merge was made of and what came out, so that `verify` can prove it and anybody can
// repeat it. The text depends on inputs, recipe and seed alone: no time, host, path or number of ranks is in it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/catalogue.hpp"
#include "core/tensor.hpp"
#include "io/digest.hpp"

namespace stockpot::io {

inline constexpr std::string_view manifest_file_name = "stockpot-manifest.json";

struct Manifest {
  struct InputFile {
    std::string name;  ///< without directories, printable
    std::uint64_t bytes = 0;
    bool operator==(const InputFile&) const = default;
  };
  struct Input {
    std::string model;  ///< as shown_reference() shows it
    std::string tensor_table_sha256;
    std::vector<InputFile> files;
    bool operator==(const Input&) const = default;
  };
  struct OutputFile {
    std::string name;
    std::uint64_t bytes = 0;
    Digest digest;
    bool operator==(const OutputFile&) const = default;
  };
  struct OutputTensor {
    TensorInfo info;
    std::string file;
    Digest digest;
  };

  std::string stockpot_version;
  std::string method;
  std::string recipe_sha256;  ///< of the recipe file, byte for byte
  std::uint64_t seed = 0;
  std::vector<Input> inputs;      ///< in the recipe's order
  std::vector<OutputFile> files;  ///< those that hold tensors
  std::vector<OutputFile>
      small_files;  ///< those that make the weights loadable, ascending by name; a digest is of all bytes
  std::vector<OutputTensor> tensors;  ///< ascending by name

  /// Whether a file of this name is one of the output's.
  bool lists(std::string_view file) const;
};

/// SHA-256 of one line per tensor, ascending by name: the compact JSON of [name, dtype, shape] and a line feed. Equal
/// for checkpoints that differ only in how their tensors are spread over files.
std::string tensor_table_sha256(std::span<const StoredTensor> tensors);

/// Canonical JSON: keys sorted, no spaces, one line feed at the end. Equal manifests give equal bytes.
std::string to_json(const Manifest& manifest);

/// Reads what anybody may have written.
/// @param path  for messages.
/// @throws Error(corrupt_input) if the text is anything that to_json() cannot give, or names a dtype, a file or a shape
///         that cannot be; Error(recipe) if it was made under another schema or numeric contract.
Manifest parse_manifest(std::string_view text, const std::string& path);

}  // namespace stockpot::io
