#include "io/pickle_writer.hpp"

#include <fmt/format.h>

#include <bit>
#include <cassert>

#include "io/little_endian.hpp"

namespace stockpot::io {

std::string PickleWriter::take() {
  bytes_ += '.';
  return std::move(bytes_);
}

void PickleWriter::text(std::string_view utf8) {
  bytes_ += 'X';
  append_little_endian(bytes_, utf8.size(), 4);
  bytes_ += utf8;
}

void PickleWriter::integer(std::uint64_t value) {
  constexpr std::uint64_t most_of_1 = 0xFF, most_of_4 = 0x7FFF'FFFF;  // four bytes have a sign, one has none
  if (value <= most_of_1) {
    bytes_ += 'K';
    append_little_endian(bytes_, value, 1);
  } else if (value <= most_of_4) {
    bytes_ += 'J';
    append_little_endian(bytes_, value, 4);
  } else {
    const auto width = static_cast<std::size_t>(std::bit_width(value) / 8 + 1);  // one bit is the sign's
    assert(width <= 8);
    bytes_ += '\x8A';
    append_little_endian(bytes_, width, 1);
    append_little_endian(bytes_, value, width);
  }
}

void PickleWriter::global(std::string_view module, std::string_view name) {
  std::string line = fmt::format("c{}\n{}\n", module, name);
  if (const auto known = memo_.find(line); known != memo_.end()) {
    bytes_ += 'h';
    append_little_endian(bytes_, known->second, 1);
    return;
  }
  assert(memo_.size() < 256);
  const auto index = static_cast<std::uint8_t>(memo_.size());
  bytes_ += line;
  bytes_ += 'q';
  append_little_endian(bytes_, index, 1);
  memo_.emplace(std::move(line), index);
}

void PickleWriter::numbers(std::span<const std::uint64_t> values) {
  if (values.empty()) return empty_tuple();
  mark();
  for (const std::uint64_t value : values) integer(value);
  tuple();
}

}  // namespace stockpot::io
