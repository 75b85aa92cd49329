// A part of a file as a file of its own, its two ends kept in memory: what describes an item lies there.
#pragma once

#include <string>

#include "io/byte_source.hpp"

namespace stockpot::io {

class SliceSource final : public ByteSource {
 public:
  /// Local. Reads the ends. @pre the slice lies inside the file, which lives longer.
  SliceSource(const ByteSource& file, ByteRange slice);

  void read_at(std::uint64_t offset, std::span<std::byte> into) const override;
  std::uint64_t size() const override { return slice_.count; }
  const std::string& path() const override { return file_.path(); }

 private:
  const ByteSource& file_;
  ByteRange slice_;
  std::string head_, tail_;
};

}  // namespace stockpot::io
