// Input files of a storage that goes away.
#pragma once

#include <atomic>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "core/error.hpp"
#include "engine/input_files.hpp"
#include "io/posix_file.hpp"

namespace stockpot::test {

/// Sources that fail for good once `reads` reads have been done.
inline engine::OpenSource failing_after(std::shared_ptr<std::atomic<int>> reads) {
  class Failing final : public io::ByteSource {
   public:
    Failing(const std::string& path, std::shared_ptr<std::atomic<int>> left) : file_(path), left_(std::move(left)) {}
    void read_at(std::uint64_t offset, std::span<std::byte> into) const override {
      if (left_->fetch_sub(1) <= 0) throw Error(ErrorKind::storage, "the storage is gone").in_file(path());
      file_.read_at(offset, into);
    }
    std::uint64_t size() const override { return file_.size(); }
    const std::string& path() const override { return file_.path(); }

   private:
    io::PosixSource file_;
    std::shared_ptr<std::atomic<int>> left_;
  };
  return [reads](const std::string& path) { return std::make_unique<Failing>(path, reads); };
}

}  // namespace stockpot::test
