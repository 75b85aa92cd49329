#include "engine/source_factory.hpp"

#include "engine/adapted_source.hpp"
#include "plan/strip.hpp"

namespace stockpot::engine {

std::unique_ptr<Source> SourceFactory::stored(std::uint32_t model, std::uint32_t tensor) const {
  return make_stored_source(plan_.models[model], tensor, plan_.adapted[model], small_tensors_,
                            {plan_.adapter_dtype, plan_.round_inputs ? plan_.round_dtype : std::nullopt});
}

std::unique_ptr<Source> SourceFactory::make(std::uint32_t tensor, plan::SourceTensor source) const {
  const plan::PlannedTensor& planned = plan_.tensors[tensor];
  if (source.gather != plan::SourceTensor::as_stored) {
    const plan::Gather& gather = plan_.gathers[source.gather];
    std::vector<std::unique_ptr<Source>> parts;
    for (const plan::Gather::Part& part : gather.parts) parts.push_back(stored(part.model, part.tensor));
    return std::make_unique<GatheredSource>(gather, std::move(parts), plan_.prompts, means_, planned.float64);
  }
  auto plain = stored(source.model, source.tensor);
  if (!plan::cuts_columns(plan_, tensor, source)) return plain;
  return std::make_unique<CutSource>(std::move(plain), plan_.info(source).shape.back(), planned.output.shape.back(),
                                     planned.float64);
}

}  // namespace stockpot::engine
