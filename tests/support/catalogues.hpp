// Models made of nothing but headers, for tests that need no data.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/architectures.hpp"
#include "core/catalogue.hpp"

namespace stockpot::test {

/// A model whose tensors lie one after the other in files of at most `file_bytes`, in the order given.
inline Catalogue catalogue(std::string model, std::vector<TensorInfo> tensors,
                           std::uint64_t file_bytes = 5'000'000'000) {
  Catalogue made;
  made.model = std::move(model);
  made.directory = "/models/" + made.model;
  std::uint64_t offset = file_bytes;
  for (TensorInfo& tensor : tensors) {
    if (made.files.empty() || (offset > 0 && offset + tensor.bytes() > file_bytes)) {
      made.files.push_back({made.directory + "/" + std::to_string(made.files.size() + 1) + ".safetensors", 0, 0, 0});
      offset = 0;
    }
    const std::uint64_t bytes = tensor.bytes();
    made.tensors.push_back({std::move(tensor), static_cast<std::uint32_t>(made.files.size() - 1), offset});
    offset += bytes;
    made.files.back().bytes = offset;
  }
  std::sort(made.tensors.begin(), made.tensors.end(),
            [](const StoredTensor& a, const StoredTensor& b) { return a.info.name < b.info.name; });
  return made;
}

/// A model of a public architecture, with the layer count in its config.
inline Catalogue architecture_catalogue(std::string model, std::string_view architecture, DType dtype = DType::bf16) {
  Catalogue made = catalogue(std::move(model), architecture_tensors(architecture, dtype));
  const Architecture& facts = find_architecture(architecture);
  made.config.architectures = {std::string(facts.class_name)};
  made.config.model_type = facts.model_type;
  made.config.layer_counts = {{"num_hidden_layers", facts.layers}};
  made.config.tied_embeddings = facts.tied_head;
  return made;
}

}  // namespace stockpot::test
