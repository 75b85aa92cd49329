#include "engine/memory_pool.hpp"

#include <gmock/gmock.h>

#include "core/error.hpp"

namespace stockpot::engine {
namespace {

TEST(MemoryPool, RefusesWhatTheBudgetDoesNotHold) {
  MemoryPool pool(1 << 20);
  const PoolBuffer half = pool.acquire(1 << 19);
  EXPECT_THROW(pool.acquire((1 << 19) + 1), Error);
  EXPECT_EQ(pool.in_use(), 1u << 19);
}

TEST(MemoryPool, GetsBackWhatBuffersLeave) {
  MemoryPool pool(1 << 20);
  { const PoolBuffer all = pool.acquire(1 << 20); }
  EXPECT_EQ(pool.in_use(), 0u);
  EXPECT_EQ(pool.high_water(), 1u << 20);
  EXPECT_NO_THROW(pool.acquire(1 << 20));
}

TEST(MemoryPool, BuffersAreZeroedAndMovable) {
  MemoryPool pool(4096);
  PoolBuffer first = pool.acquire(4096);
  for (const std::byte b : first.bytes()) ASSERT_EQ(b, std::byte{0});
  first.bytes()[7] = std::byte{1};
  const PoolBuffer second = std::move(first);
  EXPECT_EQ(second.bytes()[7], std::byte{1});
  EXPECT_EQ(pool.in_use(), 4096u);
}

TEST(MemoryPool, NothingIsABufferToo) {
  MemoryPool pool(0);
  EXPECT_TRUE(pool.acquire(0).bytes().empty());
}

}  // namespace
}  // namespace stockpot::engine
