// Whether two stored tensors are the same, byte for byte.
#pragma once

#include "core/catalogue.hpp"
#include "engine/input_files.hpp"

namespace stockpot::engine {

struct TensorInModel {
  const Catalogue& model;
  const StoredTensor& tensor;
};

/// Local. Reads both, up to the first difference; tensors of other types or shapes are not the same.
bool same_bytes(const TensorInModel& a, const TensorInModel& b, InputFiles& files);

}  // namespace stockpot::engine
