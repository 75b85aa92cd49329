#include "comm/agree.hpp"

#include <unistd.h>

#include <array>
#include <string>

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
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0) host[0] = '?';
  return error.with("rank", std::to_string(comm.rank()) + " of " + std::to_string(comm.size()) + " on " + host.data());
}

}  // namespace stockpot::comm::detail
