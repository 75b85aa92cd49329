// A model's tensors under the names and in the layout of the anchor.
//
// Checkpoints of one architecture differ by age and by who saved them: wrapper prefixes, another root, experts stored one
// by one or stacked. A view says how each tensor of the anchor's world is made of what the model stores.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/catalogue.hpp"

namespace stockpot::plan {

struct Gather;

/// A run of a stored tensor's elements.
struct Piece {
  std::uint32_t tensor = 0;  ///< index into Catalogue::tensors
  std::uint64_t first = 0;   ///< flat index
  std::uint64_t count = 0;
  bool turned = false;  ///< of the stored tensor with each of its matrices transposed
  bool operator==(const Piece&) const = default;
};

struct ViewedTensor {
  std::string name;      ///< as the anchor calls it; its own name where the anchor has nothing like it
  std::string own_name;  ///< as the model stores it; of the first piece
  DType dtype = DType::f32;
  Shape shape;
  std::vector<Piece> pieces;     ///< laid end to end they are the tensor; one, the whole stored tensor, as a rule
  bool turned = false;           ///< the tensor is of the transposes of the matrices that pieces make
  const Gather* made = nullptr;  ///< what the tensor is instead of its pieces, where several models give parts of it
};

struct ModelView {
  std::vector<ViewedTensor> tensors;  ///< ascending by name, bytewise; names differ
  std::vector<std::string> notes;     ///< "ARC002: ..."

  const ViewedTensor* find(std::string_view name) const;
};

/// The anchor's own view: names as they are stored. Tensors of training alone (optimizer states) are left out.
ModelView view_of_anchor(const Catalogue& anchor);
/// Another model's.
ModelView view_of(const Catalogue& model, const ModelView& anchor);

}  // namespace stockpot::plan
