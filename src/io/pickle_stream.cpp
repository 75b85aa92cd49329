#include "io/pickle_stream.hpp"

#include <fmt/format.h>

#include "core/error.hpp"
#include "io/little_endian.hpp"

namespace stockpot::io {

void PickleStream::refuse(std::string_view code, const std::string& sentence) const {
  throw Error(ErrorKind::corrupt_input, sentence)
      .code(code)
      .in_file(path_)
      .at_byte(opcode_at_, bytes_.size())
      .hint(
          "the byte is counted in the file's data.pkl; a file that torch.load reads with weights_only=True is welcome");
}

std::string_view PickleStream::take(std::uint64_t count) {
  if (count > left()) refuse("FMT032", "the pickle ends early: it is cut off, or lies about a length");
  const std::string_view taken = bytes_.substr(at_, count);
  at_ += count;
  return taken;
}

std::uint64_t PickleStream::number(std::size_t width) { return little_endian(take(width), 0, width); }

std::string_view PickleStream::text(std::size_t length_width) {
  const std::uint64_t length = number(length_width);
  if (length <= left() && length > max_text_bytes_) {
    refuse("FMT005", fmt::format("a text of {} bytes is over the limit of {}", length, max_text_bytes_));
  }
  return take(length);
}

std::int64_t PickleStream::signed_number(std::uint64_t count) {
  if (count == 0) return 0;
  const auto unused_bits = static_cast<unsigned>(64 - 8 * count);
  return static_cast<std::int64_t>(number(count) << unused_bits) >> unused_bits;
}

std::string_view PickleStream::line() {
  const std::size_t end = bytes_.find('\n', at_);
  if (end == bytes_.npos) refuse("FMT032", "the pickle ends early: a name has no end");
  if (end - at_ > max_text_bytes_) refuse("FMT005", "a name in the pickle is too long");
  const std::string_view text = bytes_.substr(at_, end - at_);
  at_ = end + 1;
  return text;
}

}  // namespace stockpot::io
