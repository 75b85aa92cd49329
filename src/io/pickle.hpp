// Python pickles, read by an interpreter that builds inert values and nothing else.
//
// A pickle is a program for a stack machine that may import and call anything. This machine knows the opcodes that build
// plain data; a call becomes a value that says what was to be called with what (Opaque), or one of the few kinds that
// weight files need. There is no code here that looks up a name, imports or calls: nothing can be reached.
//
// Values refer to others by number, in one table: cycles are harmless, nothing here recurses, and memory is linear in
// the length of the pickle.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace stockpot::io {

struct PickleValue {
  enum class Kind : std::uint8_t {
    none,
    boolean,
    integer,
    number,  ///< another number: its value is of no use
    text,
    bytes,
    global,  ///< a name that a pickle can call: module and name
    tuple,
    list,
    dict,     ///< items: key, value, key, value ...
    pairs,    ///< a dictionary made of a list of pairs; items: the list
    storage,  ///< what a persistent id names; items: that tuple
    tensor,   ///< items: how it is rebuilt (a global), then the arguments (a tuple)
    opaque,   ///< any other call; items: the global, its arguments, its state, what was put into it
  };
  Kind kind = Kind::none;
  std::int64_t integer = 0;  ///< of an integer or boolean; else an index into the table of objects

  bool is(Kind k) const { return kind == k; }
  bool operator==(const PickleValue&) const = default;
};

struct PickleObject {
  std::string_view text;                ///< of text or bytes; the module of a global
  std::string_view name;                ///< of a global
  std::vector<PickleValue> items = {};  ///< of what has items
};

/// A pickle that was read. Texts are views into the pickle, which has to live as long.
struct Pickle {
  PickleValue root;
  std::vector<PickleObject> objects;

  /// @pre the value is none of none, boolean, integer, number.
  const PickleObject& at(PickleValue value) const { return objects[static_cast<std::size_t>(value.integer)]; }
  /// "torch.FloatStorage"; empty if the value is no global.
  std::string name_of(PickleValue value) const;
};

/// What one pickle may cost; the defaults are those of docs/formats.md.
struct PickleLimits {
  std::uint64_t opcodes = 200'000'000;
  std::uint64_t value_bytes = std::uint64_t{4} << 30;
  std::uint64_t text_bytes = std::uint64_t{16} << 20;  ///< of one text
};

/// @param path  for messages.
/// @throws Error(corrupt_input): FMT032 for what is no pickle of plain data, or wants code of the operating system to be
///         run; FMT005 over a limit.
Pickle read_pickle(std::string_view bytes, std::string_view path, const PickleLimits& limits = {});

}  // namespace stockpot::io
