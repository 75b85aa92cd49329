// A model directory as one list of tensors, whatever files it is made of.
#pragma once

#include <string>
#include <vector>

#include "core/catalogue.hpp"

namespace stockpot::io {

/// Local. Reads index, headers and config.json of a model; no data byte. Checks everything of docs/formats.md first.
/// @param model      the reference as the recipe wrote it, for messages.
/// @param path       a directory in Hugging Face layout, or one .safetensors file.
/// @throws Error(corrupt_input) naming file, tensor or offset.
Catalogue read_catalogue(const std::string& model, const std::string& path);

/// Local. The same of a distributed checkpoint that Stockpot wrote: other weights in its directory are not looked at.
Catalogue read_dcp_catalogue(const std::string& model, const std::string& path);

/// Where a model reference may be found. All local; nothing is ever downloaded.
struct SearchPlaces {
  std::string recipe_directory;
  std::vector<std::string> model_roots;
  std::string cache;  ///< hub cache; empty: as the environment says
};

struct FoundModel {
  std::string path;
  std::vector<std::string> warnings;
};

/// Local. Resolves PATH and REVISION to a directory or file.
/// @throws Error(corrupt_input, REF004 or REF005) listing every place looked at, with the nearest name if one is close;
///         Error(corrupt_input, REF006) if what is there is an output of --commit=marker without its mark.
FoundModel find_model(const std::string& path, const std::string& revision, const SearchPlaces& places);

}  // namespace stockpot::io
