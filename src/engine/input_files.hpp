// The input files of a rank, opened when first needed and kept open, up to a limit.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "core/catalogue.hpp"
#include "io/byte_source.hpp"

namespace stockpot::engine {

/// Opens one input file. Tests put one here that fails on purpose.
using OpenSource = std::function<std::unique_ptr<io::ByteSource>(const std::string& path)>;
/// PosixSource.
OpenSource posix_source();
/// SparseSource: holes are not read.
OpenSource sparse_source();
/// DirectSource: past the page cache, where the file system lets it.
OpenSource direct_source();

/// Thread safe. Beyond `limit` open files the least recently used one is closed as soon as nobody reads from it.
class InputFiles {
 public:
  explicit InputFiles(OpenSource open, std::size_t limit = 256) : open_(std::move(open)), limit_(limit) {}
  /// @throws Error if the file cannot be opened.
  std::shared_ptr<const io::ByteSource> get(const std::string& path);
  /// What a tensor is read from, at its offset: a file, or the several that it lies in. @pre the model outlives it.
  std::shared_ptr<const io::ByteSource> of(const Catalogue& model, const StoredTensor& tensor);
  /// Closes those that nobody reads from: a network file system keeps what is open.
  void close();

 private:
  struct Entry {
    std::shared_ptr<const io::ByteSource> file;
    std::list<std::string>::iterator place;
  };
  OpenSource open_;
  std::size_t limit_;
  std::mutex mutex_;
  std::list<std::string> recent_;  // most recent first
  std::unordered_map<std::string, Entry> files_;
};

}  // namespace stockpot::engine
