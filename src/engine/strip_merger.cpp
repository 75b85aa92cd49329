#include "engine/strip_merger.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/convert.hpp"
#include "core/error.hpp"
#include "io/read_memory.hpp"

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

/// Where a source's elements lie in a file of the system, if they lie there as they are.
std::optional<io::StoredRun> stored_run(const Source& source, ElementRange range) {
  const auto place = source.place(range);
  const io::PosixSource* const file = place ? place->file->file() : nullptr;
  return file != nullptr ? std::optional(io::StoredRun{file, place->range.offset}) : std::nullopt;
}

/// A strip on its way, and a piece of it after the other.
template <class T>
class TileMerger {
 public:
  TileMerger(EngineContext& context, Worker& worker, const OpenStrip& open, const StripMethod& of)
      : context_(context),
        worker_(worker),
        strip_(open.strip),
        method_(*of.method),
        notes_(of.notes),
        check_stored_(of.inputs_are_finite || method_.shows_nonfinite() ? nullptr : context.check_of_inputs()),
        sources_(open.sources),
        parts_(open.parts) {}

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

std::vector<OpenStrip> open_strips(const EngineContext& context, std::span<const Strip> strips,
                                   std::span<std::byte> memory) {
  std::vector<OpenStrip> open;
  open.reserve(strips.size());
  for (const Strip& strip : strips) open.emplace_back(context.plan, strip, context.sources);
  cut_parts(open, memory);
  return open;
}

void read_strips(EngineContext& context, std::span<const OpenStrip* const> strips, HeldParts& held, ReadAhead& ahead,
                 std::size_t b) {
  const std::vector<StoredPart> parts = parts_of(strips);
  if (!held.holds(parts)) ahead.begin(b);
  std::uint64_t wanted = 0;
  for (const StoredPart& part : parts) wanted += part.memory.size();
  const std::uint64_t found_before = io::ReadMemory::found_by_this_thread();
  std::uint64_t read = held.read(parts);
  read -= std::min(read, io::ReadMemory::found_by_this_thread() - found_before);
  context.counters.bytes_read += read;
  context.counters.bytes_found += wanted - read;
}

std::span<std::byte> MergedStrips::place_of(const OpenStrip& open, bool is_copied) {
  if (alone_ && is_copied) return open.parts[0];
  const std::uint64_t bytes = bytes_of(context_.plan.tensors[open.strip.tensor].output.dtype, open.strip.range.count);
  const std::uint64_t step = alignment_of(bytes);
  at_ = (at_ + step - 1) / step * step;
  const auto place = worker_.buffers.encoded().subspan(at_, bytes);
  at_ += bytes;
  return place;
}

void MergedStrips::add(const OpenStrip& open, const StripMethod& method) {
  const plan::PlannedTensor& planned = context_.plan.tensors[open.strip.tensor];
  const auto with_merger = [&](const auto& use) {
    planned.float64 ? use(TileMerger<double>(context_, worker_, open, method))
                    : use(TileMerger<float>(context_, worker_, open, method));
  };
  worker_.clock.enter(Phase::merge);
  if (!alone_) worker_.clock.show(open.strip);
  if (context_.measuring) {
    if (planned.lines_offset) with_merger([](auto merger) { merger.measure(); });
    return;
  }
  const bool is_copied = method.method == nullptr;
  const std::span<std::byte> encoded = place_of(open, is_copied);
  if (!is_copied) {
    with_merger([&](auto merger) { merger.merge(encoded); });
  } else if (encoded.data() != open.parts[0].data()) {
    std::ranges::copy(open.parts[0], encoded.begin());
  }
  worker_.clock.enter(Phase::digest);
  io::DigestTree run;
  io::digest_blocks(planned.output.dtype, open.strip.range, encoded, run);  // while it is in cache
  const auto from = is_copied ? stored_run(open.sources[0], open.strip.range) : std::nullopt;
  merged_.push_back({&open, {open.strip.tensor, open.strip.range, encoded, from}, std::move(run)});
}

void MergedStrips::write() {
  if (merged_.empty()) return;
  worker_.clock.enter(Phase::write);
  std::vector<io::EncodedRange> ranges;
  ranges.reserve(merged_.size());
  for (const Merged& merged : merged_) ranges.push_back(merged.encoded);
  context_.sink.write_all(ranges);
  for (const Merged& merged : merged_) {
    context_.units.written(merged.open->strip, merged.digests);
    context_.counters.bytes_written += merged.encoded.bytes.size();
  }
}

}  // namespace stockpot::engine
