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
  std::size_t at = 0;  // the value, too: infinity may have become a number
  while (at + 1 < stored.size() && std::isfinite(stored[at]) && std::isfinite(values[at])) ++at;
  const auto dtype = name(planned.output.dtype);
  throw Error(ErrorKind::numeric, std::isfinite(values[at])
                                      ? fmt::format("a merged value does not fit {}: {}", dtype, values[at])
                                      : "a merged value is not finite although all inputs are")
      .code("TEN030")
      .in_tensor(planned.output.name)
      .with("element", fmt::format("flat index {}", range.first + at))
      .hint("choose a wider out_dtype or smaller weights, or --nonfinite propagate to write it as it is");
}

/// A strip on its way, and a piece of it after the other.
template <class T>
class TileMerger {
 public:
  TileMerger(EngineContext& context, Worker& worker, const Strip& strip, const StripMethod& of,
             const TensorSources& sources, const StoredParts& parts)
      : context_(context),
        worker_(worker),
        strip_(strip),
        method_(*of.method),
        notes_(of.notes),
        check_stored_(of.inputs_are_finite || method_.shows_nonfinite() ? nullptr : context.check_of_inputs()),
        sources_(sources),
        parts_(parts) {}

  void merge(std::span<std::byte> encoded) {
    encoded_ = encoded;
    for_each_part(strip_.range, plan::stored_piece_elements(context_.plan, strip_.tensor), [&](ElementRange range) {
      if (merge_stored(range)) return;
      for_each_part(range, plan::piece_elements(context_.plan, strip_.tensor),
                    [&](ElementRange piece) { merge_decoded(piece); });
    });
  }

  /// LinesAlpha is given whole tiles.
  void measure() {
    for_each_part(strip_.range, plan::tile_elements(context_.plan, strip_.tensor), [&](ElementRange range) {
      const auto tile = decode(range);
      const std::span<T> result = array(sources_.size(), range.count);
      merge_task_vector(tile, result);
      context_.lines.add(strip_.tensor, tile, std::span<const T>(result));
    });
  }

 private:
  /// Where the result of a range belongs.
  std::span<std::byte> place_of(ElementRange range) const {
    const DType dtype = planned().output.dtype;
    return encoded_.subspan(bytes_of(dtype, range.first - strip_.range.first), bytes_of(dtype, range.count));
  }

  /// Without decoding, where the method and what is stored allow it.
  /// @return false if that was not done, or has to be done again to tell what is not finite.
  bool merge_stored(ElementRange range) {
    constexpr DType dtype = DType::bf16;
    const bool as_it_is = std::is_same_v<T, float> && planned().output.dtype == dtype && !planned().lines_offset;
    if (!as_it_is || !method_.takes_stored()) return false;
    auto tile = stored_tile(context_.plan.context[strip_.tensor], strip_.tensor, sources_, parts_, strip_.range, range,
                            check_stored_, worker_.models<Bfloat16>());
    if (!tile) return false;
    tile->notes = notes_.from(range.first - strip_.range.first);
    std::byte* const into = place_of(range).data();
    method_.merge(*tile, std::span(reinterpret_cast<Bfloat16*>(into), range.count));
    return context_.plan.nonfinite != recipe::Nonfinite::error || !holds_nonfinite(dtype, into, range.count);
  }

  void merge_decoded(ElementRange range) {
    const auto tile = decode(range);
    const std::span<T> result = array(sources_.size(), range.count);
    if (planned().lines_offset) {
      merge_task_vector(tile, result);
      add_to_base(range, result);
    } else {
      method_.merge(tile, result);
    }
    const DType dtype = planned().output.dtype;
    const std::span<std::byte> into = place_of(range);
    const bool nonfinite = narrow(dtype, std::span<const T>(result), into.data());
    if (nonfinite && context_.plan.nonfinite == recipe::Nonfinite::error) {
      refuse_nonfinite<T>(planned(), range, result, into);
    }
    if (is_float8(dtype)) context_.saturations.add(strip_.tensor, count_saturated(dtype, std::span<const T>(result)));
  }

  const plan::PlannedTensor& planned() const { return context_.plan.tensors[strip_.tensor]; }

  methods::Tile<T> decode(ElementRange range) {
    auto tile = decode_tile<T>(context_.plan.context[strip_.tensor], strip_.tensor, sources_, parts_, strip_.range,
                               range, worker_.buffers, context_.input_check, worker_.models<T>());
    tile.notes = notes_.from(range.first - strip_.range.first);
    return tile;
  }

  /// The worker's array of source `s`; the result comes after the last source.
  std::span<T> array(std::size_t s, std::uint64_t count) const {
    return worker_.buffers.values<T>().subspan(s * array_stride<T>(count), count);
  }

  /// The method sees differences from the base and a base of zeros; the tile's arrays are overwritten with them.
  void merge_task_vector(const methods::Tile<T>& tile, std::span<T> result) const {
    std::vector<T*> models;
    for (std::size_t m = 0; m < tile.models(); ++m) models.push_back(array(m, tile.size()).data());
    make_differences(array(tile.models(), tile.size()), std::span<T* const>(models));
    method_.merge(tile, result);
  }

  void add_to_base(ElementRange range, std::span<T> result) const {
    const std::size_t last = sources_.size() - 1;
    const std::span<T> base = array(last, range.count);
    sources_[last].decode(parts_[last], strip_.range, range, base);
    add_scaled(std::span<const T>(base), context_.lines.factor(planned()), result);
  }

  EngineContext& context_;
  Worker& worker_;
  const Strip& strip_;
  const methods::Method& method_;
  methods::Notes notes_;
  const InputCheck* check_stored_;  // of elements as they are stored; nullptr: results alone are looked at
  const TensorSources& sources_;
  const StoredParts& parts_;
  std::span<std::byte> encoded_;  // the result of the strip
};

}  // namespace

StoredParts read_strip(EngineContext& context, ElementRange range, const TensorSources& sources,
                       std::span<std::byte> memory, HeldParts& held, ReadAhead& ahead, std::size_t i) {
  StoredParts parts = cut_parts(sources, range, memory);
  if (!held.holds(sources, range, parts)) ahead.begin(i);
  std::uint64_t wanted = 0;
  for (const auto& part : parts) wanted += part.size();
  const std::uint64_t read = held.read(sources, range, parts);
  context.counters.bytes_read += read;
  context.counters.bytes_found += wanted - read;
  return parts;
}

void merge_strip(EngineContext& context, Worker& worker, const Strip& strip, const StripMethod& method,
                 const TensorSources& sources, const StoredParts& parts) {
  const plan::PlannedTensor& planned = context.plan.tensors[strip.tensor];
  const auto with_merger = [&](const auto& use) {
    planned.float64 ? use(TileMerger<double>(context, worker, strip, method, sources, parts))
                    : use(TileMerger<float>(context, worker, strip, method, sources, parts));
  };
  worker.clock.enter(Phase::merge);
  if (context.measuring) {
    if (planned.lines_offset) with_merger([](auto merger) { merger.measure(); });
    return;
  }
  std::span<std::byte> encoded = parts[0];
  if (method.method != nullptr) {
    encoded = worker.buffers.encoded().first(bytes_of(planned.output.dtype, strip.range.count));
    with_merger([&](auto merger) { merger.merge(encoded); });
  }
  worker.clock.enter(Phase::digest);
  io::DigestTree run;
  io::digest_blocks(planned.output.dtype, strip.range, encoded, run);  // while it is in cache
  worker.clock.enter(Phase::write);
  const auto stored = method.method == nullptr ? sources[0].stored_run(strip.range) : std::nullopt;
  if (stored) {
    context.sink.copy(strip.tensor, strip.range, encoded, *stored);
  } else {
    context.sink.write(strip.tensor, strip.range, encoded);
  }
  context.units.written(strip, run);
  context.counters.bytes_written += encoded.size();
}

}  // namespace stockpot::engine
