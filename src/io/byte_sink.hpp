// Bytes out: all that sinks and the tests know of output files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace stockpot::io {

class ByteSink {
 public:
  virtual ~ByteSink() = default;
  /// Local, thread safe for ranges that do not overlap. Writes all of `bytes`. @throws Error(storage or no_space).
  virtual void write_at(std::uint64_t offset, std::span<const std::byte> bytes) = 0;
  /// Local. Returns when everything written is on storage. @throws Error; never retried, the data may be lost.
  virtual void sync() = 0;
  /// Local. Reports what a destructor cannot. No other call may follow.
  virtual void close() = 0;
  virtual const std::string& path() const = 0;
};

}  // namespace stockpot::io
