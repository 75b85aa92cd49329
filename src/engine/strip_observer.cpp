#include "engine/strip_observer.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

namespace stockpot::engine {
namespace {

using methods::NonfiniteInput;

bool are_finite(std::span<const methods::Lanes> sums) {
  const auto is_finite = [](const methods::Lanes& lanes) {
    return std::ranges::all_of(lanes.sum, [](double sum) { return std::isfinite(sum); });
  };
  return std::ranges::all_of(sums, is_finite);
}

/// A strip on its way, and a piece of it after the other.
template <class T>
class TileObserver {
 public:
  TileObserver(EngineContext& context, Worker& worker, const OpenStrip& open, const StripMethod& of, GroupTally& tally,
               std::span<std::uint64_t> counts)
      : context_(context),
        worker_(worker),
        strip_(open.strip),
        tensor_(context.plan.context[strip_.tensor]),
        method_(*of.method),
        notes_(of.notes),
        in_pass_(of.inputs_are_finite ? NonfiniteInput::counted : method_.nonfinite_input()),
        sources_(open.sources),
        parts_(open.parts),
        tally_(tally),
        counts_(counts),
        sums_(tally.shape().sums),
        maxima_(tally.shape().maxima),
        decoded_elements_(plan::observed_elements(context.plan, strip_.tensor)) {}

  void observe() {
    const std::uint64_t step = plan::tile_elements(context_.plan, strip_.tensor);
    for_each_part(strip_.range, step, [&](ElementRange tile) {
      if (method_.wants(tensor_, tile)) observe_tile(tile, tile.first / step);
    });
  }

 private:
  void observe_tile(ElementRange range, std::uint64_t number) {
    std::ranges::fill(sums_, methods::Lanes{});
    std::ranges::fill(maxima_, 0.0);
    const std::uint64_t stored = std::max(decoded_elements_, plan::stored_piece_elements(context_.plan, strip_.tensor));
    for_each_part(range, stored, [&](ElementRange piece) { observe_piece(piece); });
    if (in_pass_ == NonfiniteInput::in_sums && !are_finite(sums_)) stored_elements(range, context_.check_of_inputs());
    if (tally_.has_reals()) tally_.add_tile(strip_.tensor, number, sums_, maxima_);
  }

  void observe_piece(ElementRange range) {
    if (!method_.wants(tensor_, range)) return;
    if (std::is_same_v<T, float> && method_.takes_stored()) {
      const InputCheck* const check = in_pass_ == NonfiniteInput::refused ? context_.check_of_inputs() : nullptr;
      if (const auto tile = stored_elements(range, check)) return give(*tile);
    }
    for_each_part(range, decoded_elements_, [&](ElementRange piece) {
      if (!method_.wants(tensor_, piece)) return;
      give(decode_tile<T>(tensor_, strip_.tensor, sources_, parts_, strip_.range, piece, worker_.buffers,
                          context_.input_check, worker_.models<T>()));
    });
  }

  std::optional<methods::Tile<Bfloat16>> stored_elements(ElementRange range, const InputCheck* check) const {
    return stored_tile(tensor_, strip_.tensor, sources_, parts_, strip_.range, range, check,
                       worker_.models<Bfloat16>());
  }

  template <class E>
  void give(methods::Tile<E> tile) {
    tile.notes = notes_.from(tile.range.first - strip_.range.first);
    method_.observe(tile, {counts_, sums_, maxima_});
  }

  EngineContext& context_;
  Worker& worker_;
  const Strip& strip_;
  const methods::OutputTensor& tensor_;
  const methods::Method& method_;
  methods::Notes notes_;
  NonfiniteInput in_pass_;  // counted: not to be searched for
  const TensorSources& sources_;
  const StoredParts& parts_;
  GroupTally& tally_;
  std::span<std::uint64_t> counts_;
  std::vector<methods::Lanes> sums_;  // of a tile
  std::vector<double> maxima_;
  std::uint64_t decoded_elements_;  // at once, at most
};

}  // namespace

void observe_strip(EngineContext& context, Worker& worker, const OpenStrip& open, const StripMethod& method,
                   GroupTally& tally, std::span<std::uint64_t> counts) {
  if (context.plan.tensors[open.strip.tensor].float64) {
    TileObserver<double>(context, worker, open, method, tally, counts).observe();
  } else {
    TileObserver<float>(context, worker, open, method, tally, counts).observe();
  }
}

}  // namespace stockpot::engine
