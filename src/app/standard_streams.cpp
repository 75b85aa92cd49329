#include "app/standard_streams.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

namespace stockpot::app {

void open_missing_streams() {
  for (int stream = STDIN_FILENO; stream <= STDERR_FILENO; ++stream) {
    if (::fcntl(stream, F_GETFD) != -1 || errno != EBADF) continue;
    // The lowest free number is given out: all below this one are taken.
    if (::open("/dev/null", O_RDWR) != stream) std::abort();  // nowhere to say why
  }
}

}  // namespace stockpot::app
