#include "io/storage_totals.hpp"

#include "io/kernel_copy.hpp"
#include "io/retry.hpp"

namespace stockpot::io {

StorageTotals& StorageTotals::operator+=(const StorageTotals& other) {
  for (std::size_t kind = 0; kind < num_transfers; ++kind) transfers[kind] += other.transfers[kind];
  direct += other.direct;
  calls_repeated += other.calls_repeated;
  bytes_copied_by_kernel += other.bytes_copied_by_kernel;
  return *this;
}

StorageTotals take_storage_totals() {
  return {.transfers = take_transfer_totals(),
          .direct = take_direct_totals(),
          .calls_repeated = calls_repeated.exchange(0),
          .bytes_copied_by_kernel = bytes_copied_by_kernel.exchange(0)};
}

}  // namespace stockpot::io
