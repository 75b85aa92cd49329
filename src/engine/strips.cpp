#include "engine/strips.hpp"

#include <algorithm>

namespace stockpot::engine {
namespace {

/// Larger ones are worth a transfer of their own.
constexpr std::uint64_t small_part_of_bundle = 4;
/// Each takes memory while its bundle is under way, and a worker that is told to stop finishes what it has begun.
constexpr std::size_t most_units_of_bundle = 1024;

/// Which element of an ascending list of beginnings `value` lies behind.
std::size_t place_in(const std::vector<std::size_t>& begins, std::size_t value) {
  return static_cast<std::size_t>(std::ranges::upper_bound(begins, value) - begins.begin()) - 1;
}

/// Says of one unit after the other whether it goes with those before it.
class Bundler {
 public:
  explicit Bundler(std::uint64_t bundle_bytes) : room_(bundle_bytes) {}

  /// @param bytes  of the unit's largest transfer.
  bool joins(std::uint64_t bytes) {
    const bool is_small = bytes <= room_ / small_part_of_bundle;
    const bool joined = is_small && is_open_ && filled_ + bytes <= room_ && units_ < most_units_of_bundle;
    filled_ = joined ? filled_ + bytes : bytes;
    units_ = joined ? units_ + 1 : 1;
    is_open_ = is_small;
    return joined;
  }
  void close() { is_open_ = false; }

 private:
  std::uint64_t room_, filled_ = 0;
  std::size_t units_ = 0;
  bool is_open_ = false;  // for a small unit to join
};

}  // namespace

Strips::Strips(const plan::MergePlan& plan, const plan::Schedule& schedule, std::span<const std::uint32_t> units,
               std::size_t keep_units)
    : plan_(plan), schedule_(schedule), units_(units), first_strip_{0}, first_bundle_{0} {
  first_strip_.reserve(units.size() + 1);
  first_bundle_.reserve(units.size() + 1);
  Bundler bundler(schedule.bundle_bytes);
  for (std::size_t place = 0; place < units.size(); ++place) {
    const plan::Unit& unit = schedule.units[units[place]];
    const std::uint64_t step = elements_of_strip(unit.tensor);
    const std::uint64_t strips = (unit.range.count + step - 1) / step;
    first_strip_.push_back(first_strip_.back() + strips);
    if (place == keep_units) bundler.close();
    const bool joined = bundler.joins(plan::transfer_bytes(plan, unit.tensor, unit.range.count));
    first_bundle_.push_back(first_bundle_.back() + (joined ? 0 : strips));
  }
}

std::uint64_t Strips::elements_of_strip(std::uint32_t tensor) const {
  return plan::strip_elements(plan_, tensor, schedule_.options.chunk_bytes);
}

Strip Strips::operator[](std::size_t i) const {
  const std::size_t place = place_in(first_strip_, i);
  const plan::Unit& unit = schedule_.units[units_[place]];
  const std::uint64_t step = elements_of_strip(unit.tensor);
  const std::uint64_t skipped = (i - first_strip_[place]) * step;
  return {place,         unit.tensor,
          units_[place], first_strip_[place + 1] - first_strip_[place],
          unit.range,    {unit.range.first + skipped, std::min(step, unit.range.count - skipped)}};
}

Bundle Strips::bundle(std::size_t b) const {
  const std::size_t place = place_in(first_bundle_, b);  // units that joined one before begin with the next bundle
  const std::size_t first = first_strip_[place] + (b - first_bundle_[place]);
  if (first + 1 < first_strip_[place + 1]) return {first, first + 1};
  return {first, first_strip_[place_in(first_bundle_, b + 1)]};
}

std::uint64_t Strips::stored_bytes(std::size_t b) const {
  std::uint64_t bytes = 0;
  for (const Strip& strip : strips_of(bundle(b))) bytes += plan::stored_bytes(plan_, strip.tensor, strip.range.count);
  return bytes;
}

std::vector<Strip> Strips::strips_of(Bundle bundle) const {
  std::vector<Strip> strips;
  strips.reserve(bundle.size());
  for (std::size_t i = bundle.first; i < bundle.end; ++i) strips.push_back((*this)[i]);
  return strips;
}

}  // namespace stockpot::engine
