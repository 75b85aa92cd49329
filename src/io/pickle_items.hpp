// The entries of a pickled dictionary or list, whatever it is made of.
#pragma once

#include <cstddef>
#include <optional>

#include "io/pickle.hpp"

namespace stockpot::io {

struct PickleEntry {
  PickleValue key;  ///< of a list or tuple: the index
  PickleValue value;
};

/// True for what pickle_entry() takes: dictionaries, lists, tuples.
bool has_entries(PickleValue value);

/// The entry number `index`, or nothing after the last one. @pre has_entries(value).
std::optional<PickleEntry> pickle_entry(const Pickle& pickle, PickleValue value, std::size_t index);

}  // namespace stockpot::io
