#include "app/progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "app/log.hpp"

namespace stockpot::app {

ProgressLines::ProgressLines(std::uint64_t every_seconds, int ranks)
    : every_(static_cast<double>(every_seconds)), ranks_(ranks), terminal_(::isatty(STDERR_FILENO) == 1) {
  if (terminal_ && every_seconds > 0) every_ = std::chrono::duration<double>(0.5);
}

void ProgressLines::show(const engine::Progress& progress) {
  const auto now = Clock::now();
  const std::chrono::duration<double> since_last = now - std::max(last_, progress.begin);
  if (every_.count() == 0 || since_last < every_) return;
  if (std::exchange(begin_, progress.begin) != progress.begin) last_bytes_ = 0;
  const double elapsed = std::chrono::duration<double>(now - begin_).count();
  const auto planned = static_cast<double>(std::max<std::uint64_t>(1, progress.bytes_planned));
  const double part = std::min(1.0, static_cast<double>(progress.bytes_done) / planned);
  const double rate = static_cast<double>(progress.bytes_done - last_bytes_) / since_last.count() / 1e9;
  const double left = part > 0 ? elapsed * (1 - part) / part : 0;
  const std::string text =
      fmt::format("{:.0f} s elapsed, {:.1f} % done, {:.2f} GB/s per rank ({} rank{}), {:.0f} s to go", elapsed,
                  100 * part, rate, ranks_, ranks_ == 1 ? "" : "s", left);
  print_aside(terminal_ ? "\r\x1b[K" + text : text + "\n");
  drawn_ = terminal_;
  last_ = now;
  last_bytes_ = progress.bytes_done;
}

void ProgressLines::finish() {
  if (drawn_) print_aside("\n");
  drawn_ = false;
}

}  // namespace stockpot::app
