#include "engine/read_ahead.hpp"

#include <algorithm>

namespace stockpot::engine {
namespace {

constexpr std::uint64_t transfers_ahead_of_each_worker = 4;

}  // namespace

ReadAhead::ReadAhead(const EngineContext& context, const Strips& strips)
    : context_(context),
      strips_(strips),
      distance_(transfers_ahead_of_each_worker * context.per_worker.size() * context.plan.models.size() *
                context.schedule.options.chunk_bytes) {}

void ReadAhead::begin(std::size_t b) {
  std::size_t first = 0, end = 0;
  {
    const std::lock_guard lock(mutex_);
    if (b < next_) {
      ahead_ -= std::min(ahead_, strips_.stored_bytes(b));  // it may be one that a worker was faster than
    } else {
      next_ = b + 1;  // what was told before and has not begun will not be wanted
      ahead_ = 0;
    }
    first = next_;
    for (; next_ < strips_.bundles() && ahead_ < distance_; ++next_) ahead_ += strips_.stored_bytes(next_);
    end = next_;
  }
  for (std::size_t told = first; told < end; ++told) context_.advise(strips_, told);
}

}  // namespace stockpot::engine
