#include "plan/strip.hpp"

#include <algorithm>

#include "partition/unit.hpp"
#include "plan/shapes.hpp"

namespace stockpot::plan {
namespace {

methods::Granularity granularity_of(const MergePlan& plan, std::uint32_t tensor) {
  const PlannedTensor& planned = plan.tensors[tensor];
  return planned.action == Action::copy ? methods::Granularity::block : plan.groups[planned.group].granularity;
}

std::uint64_t widest_element_bits(const MergePlan& plan, const PlannedTensor& planned) {
  std::uint64_t widest = bits(planned.output.dtype);
  for (const SourceTensor source : planned.sources) widest = std::max(widest, bits(plan.info(source).dtype));
  if (planned.base) widest = std::max(widest, bits(plan.info(*planned.base).dtype));
  return widest;
}

constexpr std::uint64_t line = 64;  // of the cache: parts of a buffer start on one

std::uint64_t round_up(std::uint64_t value, std::uint64_t step) { return (value + step - 1) / step * step; }

}  // namespace

std::uint64_t tile_elements(const MergePlan& plan, std::uint32_t tensor) {
  return methods::tile_elements(granularity_of(plan, tensor), plan.tensors[tensor].output.row_elements());
}

std::uint64_t piece_elements(const MergePlan& plan, std::uint32_t tensor) {
  constexpr std::uint64_t usual = 2048;
  if (granularity_of(plan, tensor) == methods::Granularity::block) return usual;
  const std::uint64_t row = std::max<std::uint64_t>(1, plan.tensors[tensor].output.row_elements());
  return std::min(tile_elements(plan, tensor), std::max<std::uint64_t>(1, usual / row) * row);
}

std::uint64_t stored_piece_elements(const MergePlan& plan, std::uint32_t tensor) {
  constexpr std::uint64_t pieces = 4;
  return std::min(tile_elements(plan, tensor), pieces * piece_elements(plan, tensor));
}

std::uint64_t observed_elements(const MergePlan& plan, std::uint32_t tensor) {
  const bool rows = granularity_of(plan, tensor) == methods::Granularity::row;
  return rows ? tile_elements(plan, tensor) : piece_elements(plan, tensor);
}

std::uint64_t tiles_of(const MergePlan& plan, std::uint32_t tensor, std::uint64_t elements) {
  const std::uint64_t step = tile_elements(plan, tensor);
  return (elements + step - 1) / step;
}

std::uint64_t strip_elements(const MergePlan& plan, std::uint32_t tensor, std::uint64_t chunk_bytes) {
  const PlannedTensor& planned = plan.tensors[tensor];
  const std::uint64_t elements = std::max<std::uint64_t>(1, planned.output.elements());
  const std::uint64_t row = std::max<std::uint64_t>(1, planned.output.row_elements());
  const bool whole_rows = granularity_of(plan, tensor) == methods::Granularity::row;
  const std::uint64_t grain = partition::unit_elements(0, whole_rows ? row : 0);
  if (grain >= elements) return round_up(elements, block_elements);
  const std::uint64_t grain_bytes = grain / 8 * widest_element_bits(plan, planned);
  return grain * std::max<std::uint64_t>(1, chunk_bytes / grain_bytes);
}

bool cuts_columns(const MergePlan& plan, std::uint32_t tensor, SourceTensor source) {
  return source.gather == SourceTensor::as_stored &&
         loses_columns(plan.info(source).shape, plan.tensors[tensor].output.shape);
}

namespace {

/// Of one source: stored bytes, or values where it decodes while it reads.
std::uint64_t source_bytes(const MergePlan& plan, std::uint32_t tensor, SourceTensor source, std::uint64_t elements) {
  if (source.gather != SourceTensor::as_stored || cuts_columns(plan, tensor, source)) {
    return elements * (plan.tensors[tensor].float64 ? sizeof(double) : sizeof(float));
  }
  const StoredTensor& stored = plan.models[source.model].tensors[source.tensor];
  const auto parts = plan.adapter_parts(source.model, source.tensor);
  const std::uint64_t read = parts.empty() ? elements : elements_to_read(stored, parts, elements);
  if (stored.encoding == StoredTensor::as_it_is) return bytes_of(stored.info.dtype, read);
  const Encoding& encoding = plan.models[source.model].encodings[stored.encoding];
  return encoding.is_flat() ? encoding.bytes_of_codes(read) : read * sizeof(float);
}

}  // namespace

std::uint64_t stored_bytes(const MergePlan& plan, std::uint32_t tensor, std::uint64_t elements) {
  const PlannedTensor& planned = plan.tensors[tensor];
  const auto part = [&](SourceTensor s) { return round_up(source_bytes(plan, tensor, s, elements), line); };
  std::uint64_t sum = planned.base ? part(*planned.base) : 0;
  for (const SourceTensor source : planned.sources) sum += part(source);
  return sum;
}

std::uint64_t transfer_bytes(const MergePlan& plan, std::uint32_t tensor, std::uint64_t elements) {
  const PlannedTensor& planned = plan.tensors[tensor];
  std::uint64_t most = bytes_of(planned.output.dtype, elements);
  if (planned.base) most = std::max(most, source_bytes(plan, tensor, *planned.base, elements));
  for (const SourceTensor source : planned.sources) most = std::max(most, source_bytes(plan, tensor, source, elements));
  return round_up(most, line);
}

std::uint64_t bundle_bytes(const MergePlan& plan, std::uint64_t chunk_bytes) {
  constexpr std::uint64_t least_part = 4;
  std::uint64_t largest = chunk_bytes / least_part;
  for (std::uint32_t t = 0; t < plan.tensors.size() && largest < chunk_bytes; ++t) {
    const std::uint64_t strip = std::min(strip_elements(plan, t, chunk_bytes), plan.tensors[t].output.elements());
    largest = std::max(largest, transfer_bytes(plan, t, strip));
  }
  return std::min(largest, chunk_bytes) / line * line;
}

namespace {

/// Of the strips that so many elements are cut into. @param bytes_of_strip  of a strip's elements
template <class Bytes>
std::uint64_t sum_of_strips(std::uint64_t elements, std::uint64_t strip, const Bytes& bytes_of_strip) {
  const std::uint64_t rest = elements % strip;
  return elements / strip * bytes_of_strip(strip) + (rest > 0 ? bytes_of_strip(rest) : 0);
}

}  // namespace

std::uint64_t kept_unit_bytes(const MergePlan& plan, std::uint32_t tensor, std::uint64_t elements,
                              std::uint64_t chunk_bytes) {
  return sum_of_strips(elements, strip_elements(plan, tensor, chunk_bytes),
                       [&](std::uint64_t strip) { return stored_bytes(plan, tensor, strip); });
}

std::uint64_t note_plane_bytes(const MergePlan& plan, std::uint32_t tensor, std::uint64_t elements) {
  const PlannedTensor& planned = plan.tensors[tensor];
  const bool whole_rows = granularity_of(plan, tensor) == methods::Granularity::row;
  if (whole_rows && planned.output.row_elements() % 8 != 0) return 0;
  return round_up((elements + 7) / 8 * plan.groups[planned.group].needs.note_bits, line);
}

std::uint64_t unit_note_bytes(const MergePlan& plan, std::uint32_t tensor, std::uint64_t elements,
                              std::uint64_t chunk_bytes) {
  const std::size_t models = plan.tensors[tensor].sources.size();
  return sum_of_strips(elements, strip_elements(plan, tensor, chunk_bytes),
                       [&](std::uint64_t strip) { return models * note_plane_bytes(plan, tensor, strip); });
}

namespace {

/// What a worker decodes at once, at most.
std::uint64_t decoded_elements(const MergePlan& plan, std::uint32_t tensor) {
  const PlannedTensor& planned = plan.tensors[tensor];
  if (planned.lines_offset) return tile_elements(plan, tensor);
  return plan.groups[planned.group].needs.passes > 0 ? observed_elements(plan, tensor) : piece_elements(plan, tensor);
}

/// Whether parts of a tensor may take more together than the whole of it: rows around what they touch, or whole bytes of codes.
bool parts_read_more(const MergePlan& plan) {
  return std::ranges::any_of(plan.adapted, [](const AdaptedTensors& parts) { return !parts.empty(); }) ||
         std::ranges::any_of(plan.models, [](const Catalogue& model) { return !model.encodings.empty(); });
}

}  // namespace

StripMemory largest_strip(const MergePlan& plan, std::uint64_t chunk_bytes) {
  StripMemory largest;
  std::uint64_t most_sources = 0, all_stored = 0, all_output = 0;
  for (std::uint32_t t = 0; t < plan.tensors.size(); ++t) {
    const PlannedTensor& planned = plan.tensors[t];
    const std::uint64_t strip = std::min(strip_elements(plan, t, chunk_bytes), planned.output.elements());
    const std::uint64_t arrays = planned.sources.size() + (planned.base ? 1 : 0) + 1;
    const std::uint64_t value_bytes = planned.float64 ? sizeof(double) : sizeof(float);
    largest.stored_bytes = std::max(largest.stored_bytes, stored_bytes(plan, t, strip));
    largest.output_bytes = std::max(largest.output_bytes, round_up(bytes_of(planned.output.dtype, strip), line));
    most_sources = std::max(most_sources, arrays - 1);
    all_stored += stored_bytes(plan, t, planned.output.elements());
    all_output += round_up(planned.output.bytes(), line);
    if (planned.action == Action::copy) continue;
    const std::uint64_t values = std::min(decoded_elements(plan, t), strip);
    largest.value_bytes = std::max(largest.value_bytes, arrays * round_up(values * value_bytes, line));
    largest.counts = std::max<std::uint64_t>(largest.counts, plan.groups[planned.group].needs.tally.counts);
  }
  const std::uint64_t bundle = bundle_bytes(plan, chunk_bytes);
  if (parts_read_more(plan)) all_stored = most_sources * bundle;
  largest.stored_bytes = std::max(largest.stored_bytes, std::min(most_sources * bundle, all_stored));
  largest.output_bytes = std::max(largest.output_bytes, std::min(bundle, all_output));
  return largest;
}

}  // namespace stockpot::plan
