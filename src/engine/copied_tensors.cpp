#include "engine/copied_tensors.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.hpp"

namespace stockpot::engine {
namespace {

struct Copy {
  const Catalogue& model;
  const StoredTensor& tensor;
};

bool same_bytes(const Copy& a, const Copy& b, InputFiles& files) {
  constexpr std::uint64_t piece = std::uint64_t{1} << 20;
  if (a.tensor.info.dtype != b.tensor.info.dtype || a.tensor.info.shape != b.tensor.info.shape) return false;
  const auto file_a = files.get(a.model.files[a.tensor.file].path);
  const auto file_b = files.get(b.model.files[b.tensor.file].path);
  std::vector<std::byte> bytes_a(std::min(piece, a.tensor.info.bytes()));
  std::vector<std::byte> bytes_b(bytes_a.size());
  for (std::uint64_t at = 0; at < a.tensor.info.bytes(); at += piece) {
    const auto count = std::min(piece, a.tensor.info.bytes() - at);
    file_a->read_at(a.tensor.offset + at, std::span(bytes_a).first(count));
    file_b->read_at(b.tensor.offset + at, std::span(bytes_b).first(count));
    if (!std::equal(bytes_a.begin(), bytes_a.begin() + static_cast<std::ptrdiff_t>(count), bytes_b.begin()))
      return false;
  }
  return true;
}

}  // namespace

std::vector<std::string> compare_copied_integers(const plan::MergePlan& plan, InputFiles& files) {
  std::vector<std::string> warnings;
  for (const plan::PlannedTensor& planned : plan.tensors) {
    if (planned.action != plan::Action::copy || !is_integral(planned.output.dtype)) continue;
    const plan::SourceTensor source = planned.sources.front();
    const Copy copied{plan.models[source.model], plan.models[source.model].tensors[source.tensor]};
    for (const Catalogue& other : plan.models) {
      const StoredTensor* tensor = other.find(planned.output.name);
      if (&other == &copied.model || tensor == nullptr || same_bytes(copied, {other, *tensor}, files)) continue;
      warnings.push_back(fmt::format("TEN020: integer tensor {} is copied from '{}', although '{}' has other values",
                                     planned.output.name, copied.model.model, other.model));
      break;
    }
  }
  return warnings;
}

}  // namespace stockpot::engine
