// A file that is read past the page cache, where its file system lets it.
#pragma once

#include <memory>
#include <string>

#include "io/byte_source.hpp"
#include "io/direct_file.hpp"
#include "io/posix_file.hpp"

namespace stockpot::io {

/// Reads whole blocks around what is wanted. What is short, and what the direct way does not give, comes through the page
/// cache, with its errors.
class DirectSource final : public ByteSource {
 public:
  /// Local. Opens the file a second time, if it is large enough to be worth it.
  explicit DirectSource(PosixSource file);

  void read_at(std::uint64_t offset, std::span<std::byte> into) const override;
  /// Only where the page cache is used: nothing else is read ahead into it.
  void will_need(ByteRange range) const override;
  const PosixSource* file() const override { return &file_; }
  std::uint64_t size() const override { return file_.size(); }
  const std::string& path() const override { return file_.path(); }

 private:
  bool is_direct(std::uint64_t bytes) const { return direct_ && direct_->is_on() && bytes >= least_direct_bytes; }
  std::size_t read_directly(std::uint64_t offset, std::span<std::byte> into) const;
  PosixSource file_;
  std::unique_ptr<DirectFile> direct_;  ///< nullptr: the file is too small
};

}  // namespace stockpot::io
