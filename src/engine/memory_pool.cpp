#include "engine/memory_pool.hpp"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "core/error.hpp"

namespace stockpot::engine {

PoolBuffer::PoolBuffer(PoolBuffer&& other) noexcept
    : pool_(std::exchange(other.pool_, nullptr)),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)) {}

PoolBuffer& PoolBuffer::operator=(PoolBuffer&& other) noexcept {
  std::swap(pool_, other.pool_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

PoolBuffer::~PoolBuffer() {
  if (data_ != nullptr) pool_->release(data_, size_);
}

PoolLoan::PoolLoan(PoolLoan&& other) noexcept
    : pool_(std::exchange(other.pool_, nullptr)), size_(std::exchange(other.size_, 0)) {}

PoolLoan& PoolLoan::operator=(PoolLoan&& other) noexcept {
  std::swap(pool_, other.pool_);
  std::swap(size_, other.size_);
  return *this;
}

PoolLoan::~PoolLoan() {
  if (pool_ != nullptr) pool_->in_use_ -= size_;
}

void MemoryPool::take(std::uint64_t bytes) {
  if (bytes > budget_ - in_use_) {
    throw Error(ErrorKind::limits,
                fmt::format("{} bytes wanted, {} of {} bytes of the memory pool are in use", bytes, in_use_, budget_))
        .hint("raise --memory-per-rank, or lower --threads or --chunk");
  }
  in_use_ += bytes;
  high_water_ = std::max(high_water_, in_use_);
}

PoolLoan MemoryPool::lend(std::uint64_t bytes) {
  take(bytes);
  return {this, bytes};
}

PoolBuffer MemoryPool::acquire(std::uint64_t bytes) {
  if (bytes == 0) return {};
  take(bytes);
  void* data = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED) {
    in_use_ -= bytes;
    throw Error(ErrorKind::limits, fmt::format("the system has no {} bytes of memory", bytes));
  }
  constexpr std::uint64_t huge_page = std::uint64_t{2} << 20;
  if (bytes >= huge_page) ::madvise(data, bytes, MADV_HUGEPAGE);  // advice: fine if the kernel has none
  return {this, static_cast<std::byte*>(data), bytes};
}

void MemoryPool::release(std::byte* data, std::size_t size) noexcept {
  ::munmap(data, size);
  in_use_ -= size;
}

}  // namespace stockpot::engine
