// The list of entries of a zip file. PyTorch stores them, and never compresses but programs.
//
// Only the central directory, at the end of the file, is believed: local headers of such files have no sizes. Each local
// header is still read, because it says where the entry's bytes begin.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "io/byte_source.hpp"

namespace stockpot::io {

/// An entry and its bytes in the file.
struct ZipEntry {
  std::string name;
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;  ///< in the file
  bool stored = true;       ///< neither compressed nor encrypted
};

class ZipDirectory {
 public:
  /// Local. @param shown  what messages call the file.
  /// @throws Error(corrupt_input): FMT030 for a structure that contradicts itself - entries that overlap, lie outside or
  ///         have the same name, bytes before the first one, two sizes -, FMT005 for a list over 256 MiB or 1,000,000
  ///         entries.
  ZipDirectory(const ByteSource& source, const std::string& shown);

  /// Ascending by name, bytewise.
  const std::vector<ZipEntry>& entries() const { return entries_; }
  /// @return nullptr if there is none.
  const ZipEntry* find(std::string_view name) const;

 private:
  std::vector<ZipEntry> entries_;
};

}  // namespace stockpot::io
