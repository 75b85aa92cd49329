// A published output as its verifier sees it: the tensors, of each file the digest of what describes them, and the small
// files beside them.
#pragma once

#include <string>
#include <vector>

#include "core/catalogue.hpp"
#include "io/digest.hpp"
#include "io/manifest.hpp"

namespace stockpot::io {

struct PublishedOutput {
  Catalogue catalogue;
  std::vector<Digest> headers;  ///< parallel to catalogue.files
};

/// Local. Reads headers only; of an HDF5 output the catalogue that Stockpot put into it, whose places must lie apart
/// and inside the file.   @param manifest  says in which format it was written, whatever lies there now.
/// @throws Error(corrupt_input)
PublishedOutput read_published_output(const std::string& directory, const Manifest& manifest);

/// Local. Name, size and digest of a file without tensors. @throws Error(corrupt_input) if there is none
Manifest::OutputFile describe_small_file(const std::string& directory, const std::string& name);

}  // namespace stockpot::io
