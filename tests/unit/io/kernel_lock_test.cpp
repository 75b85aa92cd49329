#include "io/kernel_lock.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "io/output_lock.hpp"
#include "io/small_file.hpp"
#include "support/temporary_directory.hpp"

namespace stockpot::io {
namespace {

class KernelLock : public testing::Test {
 protected:
  /// As a process of another container sees it, where numbers mean others.
  LockHolder seen_from_elsewhere() const {
    LockHolder holder = *lock_holder(folder.path());
    holder.lock.pid_namespace += 1;
    return holder;
  }

  test::TemporaryDirectory folder;
};

TEST_F(KernelLock, IsThereUntilItIsClosed) {
  const std::string path = folder.write("file", "text");
  EXPECT_EQ(is_held_by_kernel(path), false);
  Descriptor held = held_by_kernel(path);
  EXPECT_EQ(is_held_by_kernel(path), true);
  EXPECT_EQ(read_file(path, 4), "text") << "and closing it after reading lets nothing go";
  EXPECT_EQ(is_held_by_kernel(path), true);
  held.close(path);
  EXPECT_EQ(is_held_by_kernel(path), false);
}

TEST_F(KernelLock, IsNotHandedDownToProgramsThatAreStarted) {
  const Descriptor held = held_by_kernel(folder.write("file", ""));
  EXPECT_NE(::fcntl(held.raw(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST_F(KernelLock, GoesWithItsProcess) {
  const std::string path = folder.write("file", "");
  const pid_t child = ::fork();
  if (child == 0) {
    const Descriptor held = held_by_kernel(path);
    ::pause();
  }
  while (is_held_by_kernel(path) != true) std::this_thread::yield();
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_EQ(is_held_by_kernel(path), false);
}

TEST_F(KernelLock, OfAFileThatIsNotThereNothingIsTold) {
  EXPECT_EQ(is_held_by_kernel(folder / "none"), std::nullopt);
  EXPECT_EQ(held_by_kernel(folder / "none").raw(), -1);
  EXPECT_EQ(mounted_file_system(folder / "none"), 0u);
}

TEST_F(KernelLock, TellsOfAProcessOfAnotherContainerWhetherItLives) {
  std::optional<OutputLock> lock = OutputLock::take(folder.path(), {});
  EXPECT_EQ(owner_of(seen_from_elsewhere()), Owner::running);
  lock.reset();  // as if it were killed: it says nothing
  EXPECT_EQ(owner_of(seen_from_elsewhere()), Owner::gone);
  LockHolder holder = seen_from_elsewhere();
  holder.lock.host = "another name";
  EXPECT_EQ(owner_of(holder), Owner::gone);
}

TEST_F(KernelLock, TellsNothingOfOtherMountsOtherMachinesAndFilesThatWereNotHeld) {
  OutputLock::take(folder.path(), {});
  LockHolder holder = seen_from_elsewhere();
  holder.lock.locked_on += 1;
  EXPECT_EQ(owner_of(holder), Owner::elsewhere);
  holder.lock.locked_on = 0;
  EXPECT_EQ(owner_of(holder), Owner::elsewhere);
  holder = seen_from_elsewhere();
  holder.lock.boot_id = "another boot";
  EXPECT_EQ(owner_of(holder), Owner::elsewhere);
}

TEST_F(KernelLock, TellsNothingOfALockThatIsBeingRemoved) {
  OutputLock lock = OutputLock::take(folder.path(), {});
  const LockHolder holder = seen_from_elsewhere();
  lock.remove();
  EXPECT_EQ(owner_of(holder), Owner::elsewhere);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST_F(KernelLock, WhoTakesOverIsSeenToLiveAndLeavesNothing) {
  OutputLock::take(folder.path(), {});
  OutputLock second = OutputLock::take(folder.path(), {.break_token = lock_holder(folder.path())->lock.token});
  EXPECT_EQ(second.attempt(), 2u);
  EXPECT_EQ(owner_of(seen_from_elsewhere()), Owner::running);
  second.remove();
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

}  // namespace
}  // namespace stockpot::io
