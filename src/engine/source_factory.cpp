#include "engine/source_factory.hpp"

#include <algorithm>

#include "engine/adapted_source.hpp"
#include "engine/encoded_source.hpp"
#include "plan/strip.hpp"

namespace stockpot::engine {

bool turns_matrices(const plan::MergePlan& plan) {
  const auto is_turned = [](const auto& one) { return one.turned; };
  return std::ranges::any_of(plan.gathers,
                             [&](const plan::Gather& gather) {
                               return gather.turned || std::ranges::any_of(gather.parts, is_turned);
                             }) ||
         std::ranges::any_of(plan.models,
                             [&](const Catalogue& model) { return std::ranges::any_of(model.encodings, is_turned); });
}

SourceFactory::SourceFactory(const plan::MergePlan& plan, InputFiles& files, std::uint64_t small_tensor_bytes)
    : plan_(plan),
      small_tensors_(files, turns_matrices(plan) ? std::max(small_tensor_bytes, plan::usual_small_tensor_bytes)
                                                 : small_tensor_bytes) {}

std::unique_ptr<Source> SourceFactory::stored(std::uint32_t model, std::uint32_t tensor) const {
  return make_stored_source(plan_.models[model], tensor, plan_.adapted[model], small_tensors_,
                            {plan_.adapter_dtype, plan_.round_inputs ? plan_.round_dtype : std::nullopt});
}

std::unique_ptr<Source> SourceFactory::part(const plan::Gather::Part& part, bool as_double) const {
  auto plain = stored(part.model, part.tensor);
  if (!part.turned) return plain;
  const StoredTensor& tensor = plan_.models[part.model].tensors[part.tensor];
  const Shape& shape = tensor.info.shape;
  return std::make_unique<TurnedSource>(std::move(plain), shape[shape.size() - 2], shape.back(), tensor, small_tensors_,
                                        as_double);
}

std::unique_ptr<Source> SourceFactory::gathered(const plan::Gather& gather, bool as_double) const {
  std::vector<std::unique_ptr<Source>> parts;
  for (const plan::Gather::Part& one : gather.parts) parts.push_back(part(one, as_double));
  auto upright = std::make_unique<GatheredSource>(gather, std::move(parts), plan_.prompts, means_, as_double);
  if (!gather.turned) return upright;
  const plan::Gather::Part& first = gather.parts.front();
  return std::make_unique<TurnedSource>(std::move(upright), gather.shape.back(), gather.shape[gather.shape.size() - 2],
                                        plan_.models[first.model].tensors[first.tensor], small_tensors_, as_double);
}

std::unique_ptr<Source> SourceFactory::make(std::uint32_t tensor, plan::SourceTensor source) const {
  const plan::PlannedTensor& planned = plan_.tensors[tensor];
  if (source.gather != plan::SourceTensor::as_stored) {
    return gathered(plan_.gathers[source.gather], planned.float64);
  }
  auto plain = stored(source.model, source.tensor);
  if (!plan::cuts_columns(plan_, tensor, source)) return plain;
  return std::make_unique<CutSource>(std::move(plain), plan_.info(source).shape.back(), planned.output.shape.back(),
                                     planned.float64);
}

}  // namespace stockpot::engine
