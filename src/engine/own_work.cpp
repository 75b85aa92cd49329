#include "engine/own_work.hpp"

#include <algorithm>

#include "plan/waves.hpp"

namespace stockpot::engine {
namespace {

constexpr double worth_giving_seconds = 1.0;
/// Units of one parcel, if they are not those of one wave: its message stays a few kilobytes long.
constexpr std::size_t most_units = 900;

std::uint64_t moved_bytes(const plan::MergePlan& plan, const plan::Unit& unit) {
  return plan::read_bytes(plan, unit) + (unit.done ? 0 : plan::write_bytes(plan, unit));
}

}  // namespace

std::size_t Parcel::units() const {
  std::size_t all = direct.size();
  for (const plan::Wave& wave : waves) all += wave.units.size();
  return all;
}

OwnWork::OwnWork(const plan::MergePlan& plan, const plan::Schedule& schedule, const plan::RankWork& work)
    : work_(work), wave_bytes_{0}, direct_bytes_{0}, end_wave_(work.local.size()), end_direct_(work.direct.size()) {
  for (const plan::Wave& wave : work.local) {
    wave_bytes_.push_back(wave_bytes_.back());
    for (const std::uint32_t u : wave.units) wave_bytes_.back() += moved_bytes(plan, schedule.units[u]);
  }
  for (const std::uint32_t u : work.direct) {
    direct_bytes_.push_back(direct_bytes_.back() + moved_bytes(plan, schedule.units[u]));
  }
}

const plan::Wave* OwnWork::take_wave() { return next_wave_ < end_wave_ ? &work_.local[next_wave_++] : nullptr; }

bool OwnWork::may_begin(std::size_t place) {
  const std::lock_guard lock(mutex_);
  if (place >= end_direct_) return false;
  begun_direct_ = std::max(begun_direct_, place + 1);
  return true;
}

std::uint64_t OwnWork::bytes_left() const {
  return wave_bytes_[end_wave_] - wave_bytes_[next_wave_] + direct_bytes_[end_direct_] - direct_bytes_[begun_direct_];
}

/// The unit that was begun last is not.
std::uint64_t OwnWork::bytes_over() const {
  return wave_bytes_[waves_over_] + direct_bytes_[begun_direct_ - (begun_direct_ > 0 ? 1 : 0)];
}

bool OwnWork::is_soon_done(std::uint64_t left, Clock::time_point now) const {
  const double seconds = std::chrono::duration<double>(now - began_).count();
  const std::uint64_t over = bytes_over();
  if (over == 0) return seconds < worth_giving_seconds;  // nobody can tell yet
  return static_cast<double>(left) * seconds < static_cast<double>(over) * worth_giving_seconds;
}

bool OwnWork::is_through() const {
  const std::lock_guard lock(mutex_);
  return bytes_left() == 0;
}

std::optional<Parcel> OwnWork::give(Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  const std::uint64_t left = bytes_left();
  if (left == 0 || is_soon_done(left, now)) return std::nullopt;
  const std::uint64_t enough = left - std::max<std::uint64_t>(1, left / 4);  // of what stays
  Parcel parcel;
  while (end_direct_ > begun_direct_ && parcel.direct.size() < most_units && bytes_left() > enough) {
    parcel.direct.push_back(work_.direct[--end_direct_]);
  }
  while (end_wave_ > next_wave_ && bytes_left() > enough) {
    const plan::Wave& last = work_.local[end_wave_ - 1];
    if (parcel.units() > 0 && parcel.units() + last.units.size() > most_units) break;
    parcel.waves.push_back(last);
    --end_wave_;
  }
  std::ranges::reverse(parcel.direct);
  std::ranges::reverse(parcel.waves);
  return parcel;
}

}  // namespace stockpot::engine
