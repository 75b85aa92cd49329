#include "app/standard_streams.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace stockpot::app {
namespace {

bool is_null_device(int stream) {
  struct stat facts {};
  struct stat null {};
  return ::fstat(stream, &facts) == 0 && ::stat("/dev/null", &null) == 0 && facts.st_rdev == null.st_rdev &&
         S_ISCHR(facts.st_mode);
}

TEST(StandardStreams, ThoseThatAreMissingAreTheNullDevice) {
  const pid_t child = ::fork();
  if (child == 0) {
    int pipe[2];
    if (::pipe(pipe) != 0 || ::dup2(pipe[1], STDOUT_FILENO) != STDOUT_FILENO) ::_exit(1);
    ::close(STDIN_FILENO);
    ::close(STDERR_FILENO);
    open_missing_streams();
    const bool right = is_null_device(STDIN_FILENO) && !is_null_device(STDOUT_FILENO) && is_null_device(STDERR_FILENO);
    ::_exit(right ? 0 : 2);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace stockpot::app
