// Bytes in: all that the engine and the tests know of input files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "core/range.hpp"

namespace stockpot::io {

class PosixSource;

class ByteSource {
 public:
  virtual ~ByteSource() = default;
  /// Local, thread safe. Fills all of `into` from `offset`, bytes from the start.
  /// @throws Error(corrupt_input, FMT007) if the bytes end before; Error(storage) if they cannot be read.
  virtual void read_at(std::uint64_t offset, std::span<std::byte> into) const = 0;
  /// Local. Tells the storage that these bytes will be wanted soon; costs nothing and promises nothing.
  virtual void will_need(ByteRange) const {}
  /// The file whose bytes read_at() gives, at the same places; nullptr: there is no such file.
  virtual const PosixSource* file() const { return nullptr; }
  virtual std::uint64_t size() const = 0;
  virtual const std::string& path() const = 0;
};

}  // namespace stockpot::io
