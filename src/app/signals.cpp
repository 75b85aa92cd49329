#include "app/signals.hpp"

#include <signal.h>

#include <atomic>

namespace stockpot::app {
namespace {

std::atomic<int> stop_level = 0;
std::atomic<bool> report_wanted = false;
static_assert(std::atomic<int>::is_always_lock_free && std::atomic<bool>::is_always_lock_free);

extern "C" void on_signal(int signal) {
  if (signal == SIGUSR2) {
    report_wanted = true;
  } else if (signal != SIGUSR1) {
    stop_level = static_cast<int>(engine::Stop::now);
  } else if (stop_level == 0) {
    stop_level = static_cast<int>(engine::Stop::after_units);
  }
}

void listen(int signal, int flags) {
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = flags;
  ::sigaction(signal, &action, nullptr);
}

}  // namespace

void listen_to_signals() {
  listen(SIGUSR1, SA_RESTART);
  listen(SIGUSR2, SA_RESTART);
  // Once: who asks twice does not want to wait.
  listen(SIGTERM, static_cast<int>(SA_RESTART | SA_RESETHAND));
  listen(SIGINT, static_cast<int>(SA_RESTART | SA_RESETHAND));
}

engine::Stop requested_stop() { return static_cast<engine::Stop>(stop_level.load()); }

bool take_report_request() { return report_wanted.exchange(false); }

}  // namespace stockpot::app
