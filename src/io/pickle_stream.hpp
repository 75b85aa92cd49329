// The bytes of a pickle as opcodes and their operands.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace stockpot::io {

/// Opcodes of protocols 0 to 5 that the machine knows. Source: the Python library reference, module pickletools.
enum class PickleOp : unsigned char {
  mark = '(',
  stop = '.',
  pop = '0',
  pop_mark = '1',
  dup = '2',
  binbytes = 'B',
  short_binbytes = 'C',
  binfloat = 'G',
  binint = 'J',
  binint1 = 'K',
  binint2 = 'M',
  none = 'N',
  binpersid = 'Q',
  reduce = 'R',
  binstring = 'T',
  short_binstring = 'U',
  binunicode = 'X',
  empty_list = ']',
  append = 'a',
  build = 'b',
  global = 'c',
  dict = 'd',
  appends = 'e',
  binget = 'h',
  long_binget = 'j',
  list = 'l',
  binput = 'q',
  long_binput = 'r',
  setitem = 's',
  tuple = 't',
  setitems = 'u',
  empty_tuple = ')',
  empty_dict = '}',
  proto = 0x80,
  newobj = 0x81,
  tuple1 = 0x85,
  tuple2 = 0x86,
  tuple3 = 0x87,
  newtrue = 0x88,
  newfalse = 0x89,
  long1 = 0x8A,
  long4 = 0x8B,
  short_binunicode = 0x8C,
  binunicode8 = 0x8D,
  binbytes8 = 0x8E,
  empty_set = 0x8F,
  additems = 0x90,
  frozenset = 0x91,
  newobj_ex = 0x92,
  stack_global = 0x93,
  memoize = 0x94,
  frame = 0x95,
  bytearray8 = 0x96,
};

class PickleStream {
 public:
  /// @param path  for messages.
  PickleStream(std::string_view bytes, std::string_view path, std::uint64_t max_text_bytes)
      : bytes_(bytes), path_(path), max_text_bytes_(max_text_bytes) {}

  PickleOp next() { return static_cast<PickleOp>(take(1).front()); }
  /// An unsigned number of `width` bytes, the lowest first.
  std::uint64_t number(std::size_t width);
  /// Skips so many bytes, which have to be there.
  void skip(std::uint64_t count) { take(count); }
  std::uint64_t left() const { return bytes_.size() - at_; }
  /// A text after its length, which has `width` bytes.
  std::string_view text(std::size_t length_width);
  /// A two's complement number of `count` bytes. @pre count is at most 8.
  std::int64_t signed_number(std::uint64_t count);
  /// Up to the next line feed, without it.
  std::string_view line();

  /// @throws Error(corrupt_input) at the opcode that is being read.
  [[noreturn]] void refuse(std::string_view code, const std::string& sentence) const;
  /// Notes where an opcode begins, for refuse().
  void begin_opcode() { opcode_at_ = at_; }

 private:
  std::string_view take(std::uint64_t count);

  std::string_view bytes_, path_;
  std::uint64_t max_text_bytes_;
  std::size_t at_ = 0, opcode_at_ = 0;
};

}  // namespace stockpot::io
