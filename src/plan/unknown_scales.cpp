#include "plan/unknown_scales.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <string_view>
#include <utility>

#include "core/error.hpp"
#include "plan/quantised.hpp"

namespace stockpot::plan {
namespace {

bool may_be_codes(const StoredTensor& tensor) {
  const DType dtype = tensor.info.dtype;
  const bool of_8_bits =
      is_float8(dtype) || dtype == DType::f8_e4m3fnuz || dtype == DType::f8_e5m2fnuz || dtype == DType::i8;
  return of_8_bits && tensor.encoding == StoredTensor::as_it_is && tensor.info.shape.size() >= 2;
}

/// With its last dot; empty at top level.
std::string_view module_of(std::string_view name) { return name.substr(0, name.rfind('.') + 1); }

/// The tensors of one model that may be scales, by whom they are of.
class Scales {
 public:
  explicit Scales(const Catalogue& model) {
    for (const StoredTensor& tensor : model.tensors) add(tensor, model);
  }

  const StoredTensor* of(const StoredTensor& codes) const {
    const auto own = own_.find(codes.info.name);
    if (own != own_.end()) return smaller(own->second, codes);
    const auto beside = of_module_.find(module_of(codes.info.name));
    return beside == of_module_.end() ? nullptr : smaller(beside->second, codes);
  }

 private:
  /// What stands before `scale` is the tensor that it is of, or else it is its module's: `wq.qscale_weight`, `weight._scale`.
  void add(const StoredTensor& tensor, const Catalogue& model) {
    const std::string_view name = tensor.info.name, module = module_of(name);
    const auto word = name.rfind("scale");
    if (word == name.npos || word < module.size() || is_activation_scale(name)) return;
    const std::string_view before = name.substr(0, word);
    const std::string_view owner = before.substr(0, before.find_last_not_of("._:") + 1);
    if (!owner.empty() && model.find(owner) != nullptr) {
      own_.emplace(owner, &tensor);
    } else if (!module.empty()) {
      of_module_.emplace(module, &tensor);
    }
  }

  static const StoredTensor* smaller(const StoredTensor* scales, const StoredTensor& codes) {
    return scales->info.elements() < codes.info.elements() ? scales : nullptr;
  }

  std::map<std::string_view, const StoredTensor*> own_, of_module_;
};

/// A stored tensor: model, index.
using Place = std::pair<std::uint32_t, std::uint32_t>;
/// The scales of codes.
using ScalesOfCodes = std::map<Place, std::uint32_t>;

void find_codes(const Catalogue& model, std::uint32_t m, ScalesOfCodes& found) {
  if (std::ranges::none_of(model.tensors, may_be_codes)) return;
  const Scales scales(model);
  for (std::uint32_t t = 0; t < model.tensors.size(); ++t) {
    if (!may_be_codes(model.tensors[t])) continue;
    const StoredTensor* const own = scales.of(model.tensors[t]);
    if (own != nullptr) found.emplace(Place(m, t), static_cast<std::uint32_t>(own - model.tensors.data()));
  }
}

[[noreturn]] void refuse(const MergePlan& plan, Place codes, std::uint32_t scales) {
  const Catalogue& model = plan.models[codes.first];
  const StoredTensor& tensor = model.tensors[codes.second];
  throw Error(ErrorKind::corrupt_input,
              fmt::format("{} of {} would be merged as plain numbers, but '{}' seems to have their scales",
                          name(tensor.info.dtype), to_string(tensor.info.shape), model.tensors[scales].info.name))
      .code("FMT080")
      .in_file(model.files.at(tensor.file).path)
      .in_tensor(tensor.info.name)
      .in_model(model.model)
      .hint(
          "this quantisation scheme is not known: use the unquantised checkpoint; if these are plain numbers, store "
          "them in bfloat16, or give the other tensor a name without 'scale'");
}

std::vector<Place> read_by(const PlannedTensor& planned, const MergePlan& plan) {
  std::vector<SourceTensor> sources = planned.sources;
  if (planned.base) sources.push_back(*planned.base);
  std::vector<Place> read;
  for (const SourceTensor& source : sources) {
    read.emplace_back(source.model, source.tensor);
    if (source.gather == SourceTensor::as_stored) continue;
    for (const Gather::Part& part : plan.gathers[source.gather].parts) read.emplace_back(part.model, part.tensor);
  }
  return read;
}

}  // namespace

void refuse_codes_as_numbers(const MergePlan& plan) {
  ScalesOfCodes suspects;
  for (std::uint32_t m = 0; m < plan.models.size(); ++m) find_codes(plan.models[m], m, suspects);
  if (suspects.empty()) return;
  std::set<Place> copied;
  for (const PlannedTensor& planned : plan.tensors) {
    if (planned.action == Action::copy) copied.emplace(planned.sources.front().model, planned.sources.front().tensor);
  }
  for (const PlannedTensor& planned : plan.tensors) {
    for (const Place& place : read_by(planned, plan)) {
      const auto codes = suspects.find(place);
      if (codes == suspects.end()) continue;
      const bool stays = planned.action == Action::copy && copied.contains({place.first, codes->second});
      if (!stays) refuse(plan, place, codes->second);
    }
  }
}

}  // namespace stockpot::plan
