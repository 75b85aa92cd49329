// An output tensor while its sources are being matched.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "plan/model_view.hpp"
#include "plan/plan.hpp"

namespace stockpot::plan {

/// What can be said of an output tensor by names, types and shapes alone.
struct MatchedTensor {
  std::string_view name;  ///< of the output; what it and the names below point to are the slices
  double depth = 0.0, layer_position = 0.0;
  Shape shape = {};
  std::optional<DType> dtype = {};  ///< where the recipe names none; nothing: as the base or the first source is stored
  bool copy = false;                ///< the values of sources[0], converted if need be
  bool opaque = false;              ///< of a type that methods cannot compute with: only a method that copies will do
  std::vector<std::uint32_t> present = {};       ///< inputs that take part, indices into Participants::inputs
  std::vector<SourceTensor> sources = {};        ///< parallel to present
  std::vector<const ViewedTensor*> viewed = {};  ///< parallel to sources
  std::vector<std::uint32_t> weightless = {};    ///< inputs that have it but need not be read: their weight is 0
  std::optional<SourceTensor> base = {};
  const ViewedTensor* viewed_base = nullptr;
  std::vector<SourceTensor> others = {};  ///< of a copied integer tensor: the other holders
};

/// The base's source first, if it holds the tensor, then the others in configuration order.
std::vector<SourceTensor> holders_of(const MatchedTensor& tensor);
/// Parallel to holders_of().
std::vector<const ViewedTensor*> viewed_of(const MatchedTensor& tensor);

/// What the models that take part call it, parallel to MatchedTensor::present.
std::vector<std::string_view> own_names(const MatchedTensor& tensor);

/// Makes it a copy of one of its holders.
void become_copy(MatchedTensor& tensor, SourceTensor from);

}  // namespace stockpot::plan
