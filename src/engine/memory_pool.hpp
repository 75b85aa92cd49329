// The memory that data buffers of one rank come from: a budget that nobody can exceed.
//
// Buffers are made once per merge and used again: the first touch of a page costs more than the arithmetic on it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace stockpot::engine {

class MemoryPool;

/// Page-aligned memory that goes back to its pool. Zeroed when new.
class PoolBuffer {
 public:
  PoolBuffer() = default;
  PoolBuffer(PoolBuffer&& other) noexcept;
  PoolBuffer& operator=(PoolBuffer&& other) noexcept;
  ~PoolBuffer();

  std::span<std::byte> bytes() const { return {data_, size_}; }
  /// The memory as `count` values of T from byte `offset`. @pre it fits and is aligned.
  template <class T>
  std::span<T> as(std::size_t offset, std::size_t count) const {
    return {reinterpret_cast<T*>(data_ + offset), count};
  }

 private:
  friend class MemoryPool;
  PoolBuffer(MemoryPool* pool, std::byte* data, std::size_t size) : pool_(pool), data_(data), size_(size) {}
  MemoryPool* pool_ = nullptr;
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

/// Part of a pool's budget that somebody allocates elsewhere.
class PoolLoan {
 public:
  PoolLoan() = default;
  PoolLoan(PoolLoan&& other) noexcept;
  PoolLoan& operator=(PoolLoan&& other) noexcept;
  ~PoolLoan();

 private:
  friend class MemoryPool;
  PoolLoan(MemoryPool* pool, std::uint64_t size) : pool_(pool), size_(size) {}
  MemoryPool* pool_ = nullptr;
  std::uint64_t size_ = 0;
};

/// Hands out buffers up to a budget. Outlives its buffers.
class MemoryPool {
 public:
  explicit MemoryPool(std::uint64_t budget_bytes) : budget_(budget_bytes) {}
  MemoryPool(const MemoryPool&) = delete;
  MemoryPool& operator=(const MemoryPool&) = delete;

  /// @throws Error(limits) if the budget does not hold it: the planner should have seen that.
  PoolBuffer acquire(std::uint64_t bytes);
  /// The same without memory: the borrower allocates that much itself.
  PoolLoan lend(std::uint64_t bytes);

  std::uint64_t in_use() const { return in_use_; }
  std::uint64_t high_water() const { return high_water_; }

 private:
  friend class PoolBuffer;
  friend class PoolLoan;
  void take(std::uint64_t bytes);
  void release(std::byte* data, std::size_t size) noexcept;
  std::uint64_t budget_;
  std::uint64_t in_use_ = 0;  // buffers are acquired by the main thread only
  std::uint64_t high_water_ = 0;
};

}  // namespace stockpot::engine
