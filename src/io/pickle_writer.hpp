// Writes pickles of protocol 2: values that PyTorch reads, from a few opcodes that every version of Python knows.
//
// Values are written in the order in which a stack machine wants them: arguments, then what makes something of them.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "core/tensor.hpp"

namespace stockpot::io {

class PickleWriter {
 public:
  PickleWriter() : bytes_("\x80\x02", 2) {}
  /// Ends the pickle. @return all of it.
  std::string take();

  void none() { bytes_ += 'N'; }
  void no() { bytes_ += '\x89'; }
  void text(std::string_view utf8);
  void integer(std::uint64_t value);
  /// "torch.Size": a name that a reader looks up. Written once, then taken from the memo.
  void global(std::string_view module, std::string_view name);

  void mark() { bytes_ += '('; }
  /// Of all since the mark.
  void tuple() { bytes_ += 't'; }
  void tuple1() { bytes_ += '\x85'; }
  void empty_tuple() { bytes_ += ')'; }
  void empty_list() { bytes_ += ']'; }
  void empty_dict() { bytes_ += '}'; }
  /// To the list or dictionary before the mark.
  void append_all() { bytes_ += 'e'; }
  void set_all() { bytes_ += 'u'; }
  /// A call: of a global, with a tuple.
  void reduce() { bytes_ += 'R'; }
  void new_object() { bytes_ += '\x81'; }
  /// Gives the object its state.
  void build() { bytes_ += 'b'; }
  /// What a tuple names that lies outside of the pickle.
  void persistent() { bytes_ += 'Q'; }

  void numbers(std::span<const std::uint64_t> values);

 private:
  std::string bytes_;
  std::map<std::string, std::uint8_t, std::less<>> memo_;
};

}  // namespace stockpot::io
