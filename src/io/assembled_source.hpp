// A tensor that lies in pieces, in several files, as if it lay in one, row by row.
//
// Pieces are boxes of the tensor: rows, columns or both. Above, nothing knows of them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/adapter.hpp"
#include "io/byte_source.hpp"
#include "io/row_major_boxes.hpp"

namespace stockpot::io {

class AssembledSource final : public ByteSource {
 public:
  using Open = std::function<std::shared_ptr<const ByteSource>(std::uint32_t file)>;

  /// Local. @param tensor  with pieces that cover it; its bytes are those from `tensor.offset` on.
  /// @param path    for messages.   @param open  called when a piece is read; kept.
  AssembledSource(const StoredTensor& tensor, std::string path, Open open);

  void read_at(std::uint64_t offset, std::span<std::byte> into) const override;
  void will_need(ByteRange range) const override;
  std::uint64_t size() const override { return origin_ + bytes_; }
  const std::string& path() const override { return path_; }

 private:
  /// Sizes and places count bytes in the last dimension.
  struct Piece {
    std::uint32_t file = 0;
    std::uint64_t offset = 0;
    Shape start, count;
  };
  /// What a box wants of a piece.
  struct Share {
    Shape start, count;  ///< in the tensor
    std::uint64_t bytes = 0;
  };

  static bool is_empty(const Share& share) { return share.bytes == 0; }
  Share share_of(const Piece& piece, const Box& box) const;
  void read_share(const Piece& piece, const Share& share, const Box& box, std::span<std::byte> into) const;
  template <class Take>
  void for_each_share(ByteRange range, const Take& take) const;

  std::uint64_t origin_, bytes_;
  std::string path_;
  Open open_;
  Shape shape_;
  std::vector<Piece> pieces_;
};

}  // namespace stockpot::io
