// Transfers that have begun and not ended: what a storage that does not answer leaves to be seen.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace stockpot::io {

/// Lives as long as a transfer of this thread. Costs two stores and a look at the clock.
class PendingCall {
 public:
  /// @param what  "read", "write", "sync"; of static duration.   @param path  outlives it.
  PendingCall(const char* what, const std::string& path, std::uint64_t offset);
  ~PendingCall();
  PendingCall(const PendingCall&) = delete;
  PendingCall& operator=(const PendingCall&) = delete;
};

struct LongestCall {
  std::string what, path;
  std::uint64_t offset = 0;
  double seconds = 0;
};

/// Any thread. The transfer of this process that has taken longest so far, if any is under way.
std::optional<LongestCall> longest_pending_call();

}  // namespace stockpot::io
