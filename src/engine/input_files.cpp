#include "engine/input_files.hpp"

#include "io/assembled_source.hpp"
#include "io/direct_source.hpp"
#include "io/posix_file.hpp"
#include "io/sparse_source.hpp"

namespace stockpot::engine {

OpenSource posix_source() {
  return [](const std::string& path) { return std::make_unique<io::PosixSource>(io::PosixSource::seen_before(path)); };
}

OpenSource sparse_source() {
  return [](const std::string& path) { return std::make_unique<io::SparseSource>(io::PosixSource::seen_before(path)); };
}

OpenSource direct_source() {
  return [](const std::string& path) { return std::make_unique<io::DirectSource>(io::PosixSource::seen_before(path)); };
}

std::shared_ptr<const io::ByteSource> InputFiles::get(const std::string& path) {
  const std::lock_guard lock(mutex_);
  if (const auto known = files_.find(path); known != files_.end()) {
    recent_.splice(recent_.begin(), recent_, known->second.place);
    return known->second.file;
  }
  if (files_.size() >= limit_) {
    files_.erase(recent_.back());
    recent_.pop_back();
  }
  std::shared_ptr<const io::ByteSource> file = open_(path);
  recent_.push_front(path);
  files_.emplace(path, Entry{file, recent_.begin()});
  return file;
}

void InputFiles::close() {
  const std::lock_guard lock(mutex_);
  files_.clear();
  recent_.clear();
}

std::shared_ptr<const io::ByteSource> InputFiles::of(const Catalogue& model, const StoredTensor& tensor) {
  const std::string& first = model.files[tensor.file].path;
  if (tensor.pieces.empty()) return get(first);
  return std::make_shared<io::AssembledSource>(
      tensor, first, [this, &files = model.files](std::uint32_t file) { return get(files[file].path); });
}

}  // namespace stockpot::engine
