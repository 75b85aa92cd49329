// System calls on shared file systems fail for a moment now and then: called again, with growing pauses.
#pragma once

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <thread>

namespace stockpot::io {

/// How often to call again, and how long to wait before it: the pause doubles each time.
struct Patience {
  std::chrono::milliseconds first_pause{100};
  int retries = 5;
};

/// What may pass when a file of shared storage is opened or read.
inline constexpr std::initializer_list<int> curable_when_reading{EAGAIN, EIO, ESTALE, ETIMEDOUT};

/// Calls of this process that failed and were made again: storage that fails for a moment now is storage to look at.
inline std::atomic<std::uint64_t> calls_repeated{0};

/// Calls `call` again while it returns a negative number with an errno that a pause may cure. EINTR is no failure and
/// is not counted. @return the last result, with errno as that call left it.
template <class Call>
auto retried(std::initializer_list<int> curable, Patience patience, Call call) {
  while (true) {
    const auto result = call();
    if (result >= 0) return result;
    const int failure = errno;
    if (failure == EINTR) continue;
    bool may_pass = false;
    for (const int error_number : curable) may_pass = may_pass || failure == error_number;
    if (!may_pass || patience.retries-- <= 0) {
      errno = failure;
      return result;
    }
    ++calls_repeated;
    std::this_thread::sleep_for(patience.first_pause);
    patience.first_pause *= 2;
  }
}

}  // namespace stockpot::io
