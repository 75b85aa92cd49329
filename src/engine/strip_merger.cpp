#include "engine/strip_merger.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/convert.hpp"
#include "core/error.hpp"

namespace stockpot::engine {
namespace {

/// @throws Error(numeric) for a result that the output type cannot hold, or that is NaN although no input was.
template <class T>
void refuse_nonfinite(const plan::PlannedTensor& planned, ElementRange range, std::span<const T> values,
                      std::span<const std::byte> encoded) {
  std::vector<double> stored(values.size());
  widen(planned.output.dtype, encoded.data(), std::span<double>(stored));
  const auto first = std::find_if_not(stored.begin(), stored.end(), [](double v) { return std::isfinite(v); });
  const auto at = static_cast<std::size_t>(first - stored.begin());
  throw Error(ErrorKind::numeric, fmt::format("the merged value {} at flat index {} does not fit {}", values[at],
                                              range.first + at, name(planned.output.dtype)))
      .code("TEN030")
      .in_tensor(planned.output.name)
      .hint("choose a wider out_dtype, or --nonfinite propagate to write infinities");
}

template <class T>
void merge_tiles(EngineContext& context, Worker& worker, const Strip& strip, const methods::Method& method,
                 const TensorSources& sources, const StoredParts& parts, std::span<std::byte> encoded) {
  const plan::PlannedTensor& planned = context.plan.tensors[strip.tensor];
  const DType dtype = planned.output.dtype;
  for_each_tile(context.plan, strip, [&](ElementRange range) {
    const auto tile = decode_tile<T>(context.plan.context[strip.tensor], strip.tensor, sources, parts, strip.range,
                                     range, worker.buffers, context.input_check, worker.models<T>());
    const std::uint64_t stride = array_stride<T>(range.count);
    const std::span<T> result = worker.buffers.values<T>().subspan(sources.size() * stride, range.count);
    method.merge(tile, result);
    const auto into = encoded.subspan(bytes_of(dtype, range.first - strip.range.first), bytes_of(dtype, range.count));
    const bool nonfinite = narrow(dtype, std::span<const T>(result), into.data());
    if (nonfinite && context.plan.nonfinite == recipe::Nonfinite::error) {
      refuse_nonfinite<T>(planned, range, result, into);
    }
  });
}

}  // namespace

StoredParts read_strip(EngineContext& context, Worker& worker, const Strip& strip, const TensorSources& sources) {
  StoredParts parts = cut_parts(sources, strip.range, worker.buffers.stored());
  context.counters.bytes_read += read_parts(sources, strip.range, parts);
  return parts;
}

void merge_strip(EngineContext& context, Worker& worker, const Strip& strip, const methods::Method* method,
                 const TensorSources& sources, const StoredParts& parts) {
  const plan::PlannedTensor& planned = context.plan.tensors[strip.tensor];
  std::span<std::byte> encoded = parts[0];
  if (method != nullptr) {
    encoded = worker.buffers.encoded().first(bytes_of(planned.output.dtype, strip.range.count));
    if (planned.float64) {
      merge_tiles<double>(context, worker, strip, *method, sources, parts, encoded);
    } else {
      merge_tiles<float>(context, worker, strip, *method, sources, parts, encoded);
    }
  }
  context.digests.add(strip.tensor, strip.range, encoded);
  context.sink.write(strip.tensor, strip.range, encoded);
  context.counters.bytes_written += encoded.size();
}

}  // namespace stockpot::engine
