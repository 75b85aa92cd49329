// What this process asked of the storage, for the run record.
#pragma once

#include <array>
#include <cstdint>

#include "io/direct_file.hpp"
#include "io/pending_calls.hpp"

namespace stockpot::io {

struct StorageTotals {
  std::array<TransferTotals, num_transfers> transfers;  ///< by Transfer
  DirectTotals direct;
  std::uint64_t calls_repeated = 0;          ///< that failed at first
  std::uint64_t bytes_copied_by_kernel = 0;  ///< of those that were written

  StorageTotals& operator+=(const StorageTotals& other);
};

/// Any thread. Since the last call, or since the process began.
StorageTotals take_storage_totals();

}  // namespace stockpot::io
