// Transfers that have begun and not ended: what a storage that does not answer leaves to be seen.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace stockpot::io {

enum class Transfer : std::uint8_t { read, write, sync };
inline constexpr std::size_t num_transfers = 3;

/// Lives as long as a transfer of this thread. Costs some stores and two looks at the clock.
class PendingCall {
 public:
  /// @param path  outlives it.
  PendingCall(Transfer what, const std::string& path, std::uint64_t offset);
  ~PendingCall();
  PendingCall(const PendingCall&) = delete;
  PendingCall& operator=(const PendingCall&) = delete;
};

struct LongestCall {
  std::string what, path;
  std::uint64_t offset = 0;
  double seconds = 0;
};

/// Transfers of one kind that have ended, well or not.
struct TransferTotals {
  std::uint64_t calls = 0;
  double seconds = 0;  ///< of all together, also of those at the same time
  double slowest_seconds = 0;
  std::string slowest_path;  ///< of that one, as is its offset; empty: there was none
  std::uint64_t slowest_offset = 0;

  TransferTotals& operator+=(const TransferTotals& other);
};

/// Any thread. The transfers of this process since the last call, or since it began.
std::array<TransferTotals, num_transfers> take_transfer_totals();

/// Any thread. The transfer of this process that has taken longest so far, if any is under way.
std::optional<LongestCall> longest_pending_call();

}  // namespace stockpot::io
