// Bytes of files that were read, for whoever reads them again soon: several merges of the same models, at about the same time.
//
// Memory is a ring of pieces of files, what was read longest ago is forgotten first. A system's page
// cache does the same where there is one and it has room: this is for what it does not keep (direct reads, full nodes, network
// file systems that ask their server), and tells what was found.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/range.hpp"
#include "io/byte_source.hpp"

namespace stockpot::io {

/// Thread safe.
class ReadMemory {
 public:
  static constexpr std::uint64_t usual_piece_bytes = std::uint64_t{256} << 10;

  /// @param memory  outlives it; less than a piece is none.
  explicit ReadMemory(std::span<std::byte> memory, std::uint64_t piece_bytes = usual_piece_bytes);

  /// What it knows a file by.
  std::uint32_t number_of(const std::string& path);
  /// Fills what it has of `into`, which are bytes of a file from `offset` on. @return the ranges of the file that it has not,
  /// ascending.
  std::vector<ByteRange> find(std::uint32_t file, std::uint64_t offset, std::span<std::byte> into);
  /// The ranges that find() would return.
  std::vector<ByteRange> missing(std::uint32_t file, ByteRange range);
  void keep(std::uint32_t file, std::uint64_t offset, std::span<const std::byte> bytes);

  /// Bytes that find() has filled for this thread, of any memory, since the thread began.
  static std::uint64_t found_by_this_thread();

 private:
  /// A file's number, and the number of a piece of it.
  using Key = std::pair<std::uint32_t, std::uint64_t>;
  static constexpr Key nothing{~std::uint32_t{0}, 0};
  struct Piece {
    std::mutex mutex;
    Key key = nothing;
    std::vector<ByteRange> held;  // of the file, no two of which meet
  };
  /// Calls use(key, part) for the parts of a range that lie in one piece each.
  template <class Use>
  void for_each_piece(std::uint32_t file, ByteRange range, const Use& use) const;
  /// Calls use(bytes of the part) if it is held. @return whether it is.
  template <class Use>
  bool with_held(Key key, ByteRange part, const Use& use);
  std::byte* memory_of(std::size_t piece, std::uint64_t offset) {
    return memory_.data() + piece * piece_bytes_ + offset % piece_bytes_;
  }

  std::span<std::byte> memory_;
  std::uint64_t piece_bytes_;
  std::vector<Piece> pieces_;
  std::mutex mutex_;  // of what follows
  std::map<std::string, std::uint32_t> files_;
  std::map<Key, std::size_t> place_of_;
  std::size_t next_ = 0;  // piece that is used again
};

/// A file that is read through such a memory.
class RememberedSource final : public ByteSource {
 public:
  /// @param memory  outlives it.
  RememberedSource(std::unique_ptr<ByteSource> file, ReadMemory& memory)
      : file_(std::move(file)), memory_(memory), number_(memory.number_of(file_->path())) {}
  void read_at(std::uint64_t offset, std::span<std::byte> into) const override;
  void will_need(ByteRange range) const override;
  const PosixSource* file() const override { return file_->file(); }
  std::uint64_t size() const override { return file_->size(); }
  const std::string& path() const override { return file_->path(); }

 private:
  std::unique_ptr<ByteSource> file_;
  ReadMemory& memory_;
  std::uint32_t number_;
};

}  // namespace stockpot::io
