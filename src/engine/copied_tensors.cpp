#include "engine/copied_tensors.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "engine/same_bytes.hpp"

namespace stockpot::engine {
std::vector<std::string> compare_copied_integers(const plan::MergePlan& plan, InputFiles& files) {
  std::vector<std::string> warnings;
  for (const plan::PlannedTensor& planned : plan.tensors) {
    if (planned.action != plan::Action::copy || !is_integral(planned.output.dtype)) continue;
    const auto stored = [&](plan::SourceTensor source) {
      const Catalogue& model = plan.models[source.model];
      return TensorInModel{model, model.tensors[source.tensor]};
    };
    const TensorInModel copied = stored(planned.sources.front());
    for (const plan::SourceTensor other : planned.others) {
      if (same_bytes(copied, stored(other), files)) continue;
      warnings.push_back(fmt::format("TEN020: integer tensor {} is copied from '{}', although '{}' has other values",
                                     planned.output.name, copied.model.model, plan.models[other.model].model));
      break;
    }
  }
  return warnings;
}

}  // namespace stockpot::engine
