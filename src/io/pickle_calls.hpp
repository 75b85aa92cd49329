// What becomes of the calls that a pickle asks for. Nothing is ever called.
#pragma once

#include <cstdint>
#include <string_view>

namespace stockpot::io {

/// What the machine makes of a call, by the name of what is to be called.
enum class PickleCall : std::uint8_t {
  opaque,     ///< noted, and nothing else
  dict,       ///< an empty dictionary; of a list of pairs, one of these
  copy,       ///< the argument
  tensor,     ///< noted as a tensor; who wants it sees whether its kind can be read
  parameter,  ///< the first argument, if that is a tensor
  from_type,  ///< the call that the first and third argument describe
};
PickleCall pickle_call(std::string_view module, std::string_view name);

/// True for names that only a pickle wants that is to run commands or code.
bool runs_code(std::string_view module, std::string_view name);

}  // namespace stockpot::io
