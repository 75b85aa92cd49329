// The weights in what a PyTorch file holds: which of its dictionaries they are, and what each tensor is called.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "io/pickle.hpp"

namespace stockpot::io {

struct StateDict {
  std::vector<std::pair<std::string, PickleValue>> tensors;  ///< in the order of the file
  std::vector<std::string> left_out;                         ///< values that are no tensors, or tensors' storages
};

/// The root, if it has tensors itself; else what it has under "state_dict" or another of the names that are common; else
/// the one of its dictionaries that has the most. Dictionaries and lists in it are flattened: "optimizer.0.weight".
/// @param path  for messages.
/// @throws Error(corrupt_input): FMT042 if there are no tensors, or two dictionaries have equally many; FMT033 if one is
///         hidden in an object of an unknown class; FMT005, FMT021, FMT032 for what names and nesting may have wrong.
StateDict find_state_dict(const Pickle& pickle, const std::string& path);

}  // namespace stockpot::io
