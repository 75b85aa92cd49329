// A model of weight 0 is not read, where its method says that it makes no difference.
//
// Types are settled before: neither the type of the result nor the width of the arithmetic may depend on who is read. What
// was to be said of the model's tensors (missing, of another shape) has been said.
#include <algorithm>

#include "plan/plan_builder.hpp"

namespace stockpot::plan {
namespace {

/// Places of the models that have a weight.
std::vector<std::size_t> weighty_of(const methods::Settings& settings) {
  std::vector<std::size_t> weighty;
  for (std::size_t m = 0; m < settings.models(); ++m) {
    if (settings.per_model("weight")[m] != 0.0) weighty.push_back(m);
  }
  return weighty;
}

template <class T>
std::vector<T> chosen(const std::vector<T>& all, const std::vector<std::size_t>& places) {
  std::vector<T> some;
  for (const std::size_t place : places) some.push_back(all[place]);
  return some;
}

}  // namespace

void PlanBuilder::leave_out_weightless(MergedPart& part, MatchedTensor& tensor) {
  const Resolved& resolved = *resolved_.at(&tensor);
  const methods::Settings& settings = resolved.settings;
  // Statistics of the whole model, of `lines` too, are those of the same models everywhere.
  const bool of_tensor = resolved.scope == methods::GroupScope::tensor && !resolved.lines_offset;
  if (!settings.method().skips_weight_0 || !of_tensor || resolved.copies || tensor.opaque) return;
  if (plan_.nonfinite == recipe::Nonfinite::propagate) return;  // 0 times NaN is NaN
  const std::vector<std::size_t> weighty = weighty_of(settings);
  if (weighty.empty() || weighty.size() == settings.models()) return;

  MatchedTensor rest = tensor;
  rest.present = chosen(tensor.present, weighty);
  rest.sources = chosen(tensor.sources, weighty);
  rest.viewed = chosen(tensor.viewed, weighty);
  if (is_wide(rest) != is_wide(tensor)) return;
  if (!rest.dtype) rest.dtype = info(tensor.base ? *tensor.base : tensor.sources.front()).dtype;
  std::ranges::set_difference(tensor.present, rest.present, std::back_inserter(rest.weightless));
  tensor = std::move(rest);
  const auto own = own_names(tensor);
  resolved_[&tensor] =
      &part.parameters->resolve({tensor.name, own, tensor.depth, tensor.layer_position}, tensor.present);
}

}  // namespace stockpot::plan
