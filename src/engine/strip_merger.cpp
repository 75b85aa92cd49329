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
  const auto dtype = name(planned.output.dtype);
  throw Error(ErrorKind::numeric, std::isfinite(values[at])
                                      ? fmt::format("a merged value does not fit {}: {}", dtype, values[at])
                                      : "a merged value is not finite although all inputs are")
      .code("TEN030")
      .in_tensor(planned.output.name)
      .with("element", fmt::format("flat index {}", range.first + at))
      .hint("choose a wider out_dtype or smaller weights, or --nonfinite propagate to write it as it is");
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
