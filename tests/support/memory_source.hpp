// Bytes in memory under a path, as a source.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/error.hpp"
#include "io/byte_source.hpp"

namespace stockpot::test {

class MemorySource final : public io::ByteSource {
 public:
  MemorySource(std::string path, std::vector<std::byte> bytes) : path_(std::move(path)), bytes_(std::move(bytes)) {}
  MemorySource(std::string path, std::string_view text) : path_(std::move(path)) {
    const auto bytes = std::as_bytes(std::span(text));
    bytes_.assign(bytes.begin(), bytes.end());
  }
  void read_at(std::uint64_t offset, std::span<std::byte> into) const override {
    if (offset > bytes_.size() || into.size() > bytes_.size() - offset) {
      throw Error(ErrorKind::corrupt_input, "truncated").code("FMT007").in_file(path_);
    }
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(offset), into.size(), into.begin());
  }
  std::uint64_t size() const override { return bytes_.size(); }
  const std::string& path() const override { return path_; }

 private:
  std::string path_;
  std::vector<std::byte> bytes_;
};

}  // namespace stockpot::test
