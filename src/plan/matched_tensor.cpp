#include "plan/matched_tensor.hpp"

#include <algorithm>

namespace stockpot::plan {

std::vector<SourceTensor> holders_of(const MatchedTensor& tensor) {
  std::vector<SourceTensor> all(tensor.base.has_value(), tensor.base.value_or(SourceTensor{}));
  all.insert(all.end(), tensor.sources.begin(), tensor.sources.end());
  return all;
}

std::vector<const ViewedTensor*> viewed_of(const MatchedTensor& tensor) {
  std::vector<const ViewedTensor*> all(tensor.base.has_value(), tensor.viewed_base);
  all.insert(all.end(), tensor.viewed.begin(), tensor.viewed.end());
  return all;
}

std::vector<std::string_view> own_names(const MatchedTensor& tensor) {
  std::vector<std::string_view> names;
  for (const ViewedTensor* viewed : tensor.viewed) names.emplace_back(viewed->own_name);
  return names;
}

void become_copy(MatchedTensor& tensor, SourceTensor from) {
  const auto all = holders_of(tensor);
  const ViewedTensor* const taken =
      viewed_of(tensor)[static_cast<std::size_t>(std::ranges::find(all, from) - all.begin())];
  tensor.copy = true;
  if (from.gather == SourceTensor::as_stored) tensor.shape = taken->shape;  // it may have been cut for the others
  tensor.sources = {from};
  tensor.viewed = {taken};
  tensor.present.clear();
  tensor.base.reset();
  tensor.viewed_base = nullptr;
}

}  // namespace stockpot::plan
