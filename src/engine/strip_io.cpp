#include "engine/strip_io.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace stockpot::engine {
namespace {

constexpr std::uint64_t cache_line = 64;

std::uint64_t round_up(std::uint64_t bytes, std::uint64_t step) { return (bytes + step - 1) / step * step; }

struct Nonfinites {
  std::uint64_t first = 0;
  std::uint64_t count = 0;
};

Nonfinites count_nonfinites(const Source& source, std::uint64_t elements) {
  Nonfinites found;
  std::vector<std::byte> stored;
  std::vector<double> values;
  for (std::uint64_t at = 0; at < elements; at += block_elements) {
    const ElementRange block{at, std::min(block_elements, elements - at)};
    stored.resize(source.stored_bytes(block));
    values.resize(block.count);
    source.read(block, stored);
    if (!source.decode(stored, block, block, std::span<double>(values))) continue;
    for (std::uint64_t i = 0; i < block.count; ++i) {
      if (std::isfinite(values[i])) continue;
      if (found.count++ == 0) found.first = at + i;
    }
  }
  return found;
}

/// @param pointers  to the elements of each source; the base's is taken away.
template <class E>
methods::Tile<E> tile_of(const methods::OutputTensor& context, ElementRange range, const TensorSources& sources,
                         std::vector<const E*>& pointers) {
  const E* base = nullptr;
  if (sources.has_base()) {
    base = pointers.back();
    pointers.pop_back();
  }
  return {context, range, base, pointers};
}

}  // namespace

TensorSources::TensorSources(const plan::MergePlan& plan, std::uint32_t tensor, const SourceFactory& factory)
    : has_base_(plan.tensors[tensor].base.has_value()) {
  for (const plan::SourceTensor source : plan.tensors[tensor].sources) sources_.push_back(factory.make(tensor, source));
  if (has_base_) sources_.push_back(factory.make(tensor, *plan.tensors[tensor].base));
}

void cut_parts(std::span<OpenStrip> strips, std::span<std::byte> memory) {
  std::size_t most = 0;
  for (const OpenStrip& open : strips) most = std::max(most, open.sources.size());
  std::uint64_t at = 0;
  for (std::size_t s = 0; s < most; ++s) {
    at = round_up(at, cache_line);
    for (OpenStrip& open : strips) {
      if (s >= open.sources.size()) continue;
      const std::uint64_t bytes = open.sources[s].stored_bytes(open.strip.range);
      at = round_up(at, alignment_of(bytes));
      if (at + bytes > memory.size()) throw Error(ErrorKind::internal, "a bundle is larger than its memory");
      open.parts.push_back(memory.subspan(at, bytes));
      at += bytes;
    }
  }
}

void InputCheck::found(std::uint32_t tensor, std::size_t s) const {
  if (plan_.nonfinite == recipe::Nonfinite::propagate) return;
  const std::lock_guard lock(mutex_);
  if (!first_) first_ = described(tensor, s);
  throw *first_;
}

Error InputCheck::described(std::uint32_t tensor, std::size_t s) const {
  const TensorSources sources(plan_, tensor, factory_);
  const TensorInfo& output = plan_.tensors[tensor].output;
  const Nonfinites found = count_nonfinites(sources[s], output.elements());
  return Error(ErrorKind::numeric,
               fmt::format("{} NaN or infinite value{} in an input tensor, the first at flat index {}", found.count,
                           found.count == 1 ? "" : "s", found.first))
      .code("TEN030")
      .in_file(sources[s].path())
      .in_tensor(output.name)
      .in_model(sources[s].model())
      .hint("the checkpoint is damaged or diverged; --nonfinite propagate merges it all the same");
}

template <class T>
methods::Tile<T> decode_tile(const methods::OutputTensor& context, std::uint32_t tensor, const TensorSources& sources,
                             const StoredParts& parts, ElementRange held, ElementRange range,
                             const WorkerBuffers& buffers, const InputCheck& check,
                             std::vector<const T*>& model_pointers) {
  const std::uint64_t stride = array_stride<T>(range.count);
  const std::span<T> values = buffers.values<T>();
  model_pointers.clear();
  for (std::size_t s = 0; s < sources.size(); ++s) {
    const std::span<T> into = values.subspan(s * stride, range.count);
    if (sources[s].decode(parts[s], held, range, into)) check.found(tensor, s);
    model_pointers.push_back(into.data());
  }
  return tile_of(context, range, sources, model_pointers);
}

std::optional<methods::Tile<Bfloat16>> stored_tile(const methods::OutputTensor& context, std::uint32_t tensor,
                                                   const TensorSources& sources, const StoredParts& parts,
                                                   ElementRange held, ElementRange range, const InputCheck* check,
                                                   std::vector<const Bfloat16*>& model_pointers) {
  model_pointers.clear();
  for (std::size_t s = 0; s < sources.size(); ++s) {
    const std::byte* elements = sources[s].elements(DType::bf16, parts[s], held, range);
    if (elements == nullptr) return std::nullopt;
    model_pointers.push_back(reinterpret_cast<const Bfloat16*>(elements));
  }
  for (std::size_t s = 0; check != nullptr && s < sources.size(); ++s) {
    const auto* elements = reinterpret_cast<const std::byte*>(model_pointers[s]);
    if (holds_nonfinite(DType::bf16, elements, range.count)) check->found(tensor, s);
  }
  return tile_of(context, range, sources, model_pointers);
}

template methods::Tile<float> decode_tile(const methods::OutputTensor&, std::uint32_t, const TensorSources&,
                                          const StoredParts&, ElementRange, ElementRange, const WorkerBuffers&,
                                          const InputCheck&, std::vector<const float*>&);
template methods::Tile<double> decode_tile(const methods::OutputTensor&, std::uint32_t, const TensorSources&,
                                           const StoredParts&, ElementRange, ElementRange, const WorkerBuffers&,
                                           const InputCheck&, std::vector<const double*>&);

}  // namespace stockpot::engine
