#include "io/descriptor.hpp"

#include <cerrno>

#include "core/error.hpp"
#include "io/file_calls.hpp"

namespace stockpot::io {

Descriptor::~Descriptor() {
  if (raw_ >= 0) file_calls().close(raw_);
}

void Descriptor::close(const std::string& path) {
  // After EINTR Linux has released the descriptor already: a second close could hit somebody else's.
  if (file_calls().close(std::exchange(raw_, -1)) != 0 && errno != EINTR) throw system_error(errno, "close", path);
}

}  // namespace stockpot::io
