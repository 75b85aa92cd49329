// Tensors of a PyTorch file: a pickle's description, held against the storage that it views.
#pragma once

#include <string>

#include "core/adapter.hpp"
#include "io/pickle.hpp"
#include "io/zip_directory.hpp"

namespace stockpot::io {

/// What a description is held against.
struct PytorchFile {
  const Pickle& pickle;
  const ZipDirectory& zip;
  const std::string& root;   ///< "archive": the folder of all entries
  const std::string& shown;  ///< for messages
};

/// Local; reads nothing. @param tensor  of kind tensor.
/// @throws Error(corrupt_input) naming the tensor: FMT034 for a description that contradicts itself or its storage, FMT035
///         for a kind of tensor whose values do not lie in a storage as they are, FMT005 and FMT006 for sizes.
StoredTensor pytorch_tensor(const PytorchFile& file, PickleValue tensor, const std::string& name);

}  // namespace stockpot::io
