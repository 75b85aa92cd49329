#include "comm/agree.hpp"

namespace stockpot::comm::detail {

void agree_on(const Communicator& comm, const std::optional<Error>& failure) {
  if (failure) comm.raise_alarm();
  const auto first_failing = static_cast<int>(comm.min(static_cast<std::uint64_t>(failure ? comm.rank() : comm.size())));
  if (first_failing == comm.size()) return;
  comm.fail_together();
  throw Error::unpack(comm.broadcast(failure ? failure->pack() : "", first_failing));
}

}  // namespace stockpot::comm::detail
