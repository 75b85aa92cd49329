// A file whose holes are zeros without a system call.
//
// Right on every file system that tells holes as POSIX wants it. There have been some that did not (data written a moment
// ago was told to be a hole), and then zeros would be merged in silence: so this is for those who ask for it.
#pragma once

#include <string>
#include <vector>

#include "io/byte_source.hpp"
#include "io/posix_file.hpp"

namespace stockpot::io {

class SparseSource final : public ByteSource {
 public:
  /// Local. Asks the file system where there is data, once.
  explicit SparseSource(PosixSource file) : file_(std::move(file)), data_(file_.data_ranges()) {}

  void read_at(std::uint64_t offset, std::span<std::byte> into) const override;
  /// Only what is data: the system would fill its memory with a hole's zeros.
  void will_need(ByteRange range) const override;
  std::uint64_t size() const override { return file_.size(); }
  const std::string& path() const override { return file_.path(); }

 private:
  std::vector<ByteRange>::const_iterator first_beyond(std::uint64_t offset) const;
  PosixSource file_;
  std::vector<ByteRange> data_;  // ascending; what lies between is zeros
};

}  // namespace stockpot::io
