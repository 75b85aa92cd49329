// PyTorch distributed checkpoints in: a folder with .metadata and *.distcp, or with such a folder called distcp.
#pragma once

#include "core/catalogue.hpp"
#include "io/model_directory.hpp"

namespace stockpot::io {

bool is_dcp_checkpoint(const ModelDirectory& directory);

/// Local. Adds files and tensors to the catalogue; the first file is .metadata. Opens every item that holds a part of the
/// model, since only its end says where in it the elements are. Tensors of one item are read at their place, those of
/// several through their pieces.
/// @throws Error(corrupt_input) as read_dcp_index() and read_pytorch_tensor(); REF006 for missing files, FMT050 for items
///         that lie outside their file, overlap, or hold another tensor than the index says.
void read_dcp_checkpoint(const ModelDirectory& directory, Catalogue& catalogue);

/// Local. The same of the folder's `distcp/`, whatever else it holds: names there are the model's own.
void read_dcp_output(const ModelDirectory& directory, Catalogue& catalogue);

}  // namespace stockpot::io
