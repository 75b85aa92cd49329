#include "comm/agree.hpp"

#include <string>

#include "comm/host_name.hpp"

namespace stockpot::comm::detail {

void agree_on(const Communicator& comm, const std::optional<Error>& failure) {
  if (failure) comm.failed_here(&*failure);
  const auto first_failing =
      static_cast<int>(comm.min(static_cast<std::uint64_t>(failure ? comm.rank() : comm.size())));
  comm.failed_here(nullptr);
  if (first_failing == comm.size()) return;
  comm.fail_together();
  throw Error::unpack(comm.broadcast(failure ? failure->pack() : "", first_failing));
}

Error with_place(const Communicator& comm, Error error) {
  if (comm.size() == 1) return error;
  return error.with("rank", std::to_string(comm.rank()) + " of " + std::to_string(comm.size()) + " on " + host_name());
}

}  // namespace stockpot::comm::detail
