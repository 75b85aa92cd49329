#include "plan/vocabulary_tensors.hpp"

#include <algorithm>

#include "plan/head_names.hpp"
#include "plan/tensor_names.hpp"

namespace stockpot::plan {

bool VocabularyTensors::may_be(std::string_view name, const Shape& shape) const {
  if (ends_with_any(name, head_bias_names)) return shape.size() == 1;
  return shape.size() == 2 && embeddings_.contains(name);
}

bool VocabularyTensors::has_row_per_token(std::uint32_t model, const ViewedTensor& tensor) const {
  if (!split_at_index(tensor.name)) return has_row_per_token(model, kind_of(tensor.name), tensor.shape.front());
  bool like_a_loose_one = false;
  for_each_loose(model, [&](const ViewedTensor& loose) {
    like_a_loose_one = like_a_loose_one || (loose.shape == tensor.shape && has_row_per_token(model, loose));
  });
  return like_a_loose_one;
}

VocabularyTensors::Kind VocabularyTensors::kind_of(std::string_view name) const {
  if (ends_with_any(name, head_bias_names)) return Kind::bias;
  return name == "output.weight" || ends_with_any(name, head_names) ? Kind::head : Kind::embedding;
}

bool VocabularyTensors::is_known(std::uint32_t model, std::string_view name) const {
  return any_of_vocab_size(model, kind_of(name));
}

bool VocabularyTensors::any_of_vocab_size(std::uint32_t model, Kind kind) const {
  bool any = false;
  for_each_loose(model, [&](const ViewedTensor& loose) {
    any = any || (kind_of(loose.name) == kind && loose.shape.front() == context_.catalogues[model].config.vocab_size);
  });
  return any;
}

bool VocabularyTensors::has_row_per_token(std::uint32_t model, Kind kind, std::uint64_t rows) const {
  if (any_of_vocab_size(model, kind)) return rows == context_.catalogues[model].config.vocab_size;
  std::uint64_t most = 0;
  for_each_loose(model, [&](const ViewedTensor& loose) {
    if (kind_of(loose.name) == kind) most = std::max(most, loose.shape.front());
  });
  return rows >= std::min(context_.vocabulary->needed_rows(model), most);
}

template <class Use>
void VocabularyTensors::for_each_loose(std::uint32_t model, const Use& use) const {
  for (const ViewedTensor& tensor : context_.views.models[model].tensors) {
    if (may_be(tensor.name, tensor.shape) && !split_at_index(tensor.name)) use(tensor);
  }
}

}  // namespace stockpot::plan
