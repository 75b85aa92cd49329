#include "engine/lookout.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "io/pending_calls.hpp"

namespace stockpot::engine {

bool Lookout::look_around() {
  if (options_.on_idle) options_.on_idle();
  if (stop_.level() == Stop::none && is_late()) stop_.raise_for_deadline();
  if (stop_.level() != Stop::none) comm_.raise_stop(static_cast<int>(stop_.level()));
  stop_.raise(static_cast<Stop>(comm_.stop_level()));
  end_what_hangs();
  return !comm_.alarmed();
}

bool Lookout::look_around_or_stop() {
  const bool goes_on = look_around();
  if (stop_.level() != Stop::none) throw stopped();
  return goes_on;
}

Error Lookout::stopped() const {
  return Error(ErrorKind::stopped, stop_.is_for_deadline() ? "stopped before the deadline" : "stopped on request")
      .hint("the same command line goes on from here");
}

bool Lookout::is_late() const {
  const ReliabilityOptions& reliability = options_.reliability;
  if (!reliability.deadline) return false;
  const Seconds in_flight = in_flight_ ? in_flight_() : Seconds();
  const Seconds reserve = std::max<Seconds>(reliability.reserve, 2 * in_flight);
  return std::chrono::steady_clock::now() + reserve >= *reliability.deadline;
}

void Lookout::end_what_hangs() const {
  const std::chrono::seconds timeout = options_.reliability.stall_timeout;
  if (timeout.count() == 0) return;
  const auto call = io::longest_pending_call();
  if (!call || call->seconds < static_cast<double>(timeout.count())) return;
  comm_.give_up(Error(ErrorKind::storage, fmt::format("a {} has not ended for {:.0f} s", call->what, call->seconds))
                    .in_file(call->path)
                    .with("byte", std::to_string(call->offset))
                    .with("rank", std::to_string(comm_.rank()))
                    .hint("the storage does not answer; the same command line goes on from here"));
}

}  // namespace stockpot::engine
