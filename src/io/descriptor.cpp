#include "io/descriptor.hpp"

#include <unistd.h>

#include <cerrno>

#include "core/error.hpp"

namespace stockpot::io {

Descriptor::~Descriptor() {
  if (raw_ >= 0) ::close(raw_);
}

void Descriptor::close(const std::string& path) {
  // After EINTR Linux has released the descriptor already: a second close could hit somebody else's.
  if (::close(std::exchange(raw_, -1)) != 0 && errno != EINTR) throw system_error(errno, "close", path);
}

}  // namespace stockpot::io
