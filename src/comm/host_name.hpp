// The name of this machine: where several take part, messages and reports say which.
#pragma once

#include <unistd.h>

#include <array>
#include <string>

namespace stockpot::comm {

/// Local. "?" if it has none.
inline std::string host_name() {
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0) return "?";
  return host.data();
}

}  // namespace stockpot::comm
