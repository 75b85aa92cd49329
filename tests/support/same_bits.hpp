// Comparing results bit by bit, on every instruction set and in any order of tiles.
#pragma once

#include <gtest/gtest.h>

#include <bit>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <vector>

#include "support/instruction_sets.hpp"
#include "support/run_method.hpp"

namespace stockpot::test {

template <class T>
auto bits_of(T value) {
  return std::bit_cast<std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>>(value);
}

/// Index of the first element whose bits differ, or nothing. Any NaN equals any other.
template <class T>
std::optional<std::size_t> first_difference_in_bits(const std::vector<T>& a, const std::vector<T>& b) {
  if (a.size() != b.size()) return std::min(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    const bool both_nan = a[i] != a[i] && b[i] != b[i];
    if (!both_nan && bits_of(a[i]) != bits_of(b[i])) return i;
  }
  return std::nullopt;
}

template <class T>
void expect_same_bits(const std::vector<T>& got, const std::vector<T>& expected, const std::string& what) {
  const auto at = first_difference_in_bits(got, expected);
  if (!at) return;
  const bool inside = *at < got.size() && *at < expected.size();
  ADD_FAILURE() << what << ": element " << *at << " of " << got.size() << ": " << (inside ? got[*at] : T{0}) << " for "
                << (inside ? expected[*at] : T{0});
}

/// Merges a group on every instruction set, tiles in order and shuffled, the latter with room for notes, and compares each tensor.
template <class T>
void expect_merged(const std::string& method, const Parameters& parameters, const std::vector<HandTensor<T>>& group,
                   const std::vector<std::vector<T>>& expected, std::uint64_t seed = 0) {
  for (const auto set : available_instruction_sets()) {
    const WithInstructionSet chosen(set);
    for (const std::uint64_t shuffle : {0u, 7u}) {
      const RunOptions options{
          .seed = seed, .blocks_per_tile = shuffle == 0 ? 1u : 2u, .shuffle = shuffle, .notes = shuffle != 0};
      const auto got = run_method(method, parameters, group, options).tensors;
      for (std::size_t t = 0; t < group.size(); ++t) {
        expect_same_bits(got[t], expected[t],
                         method + " " + group[t].name + " on " + std::string(stockpot::name(set)) +
                             (shuffle == 0 ? "" : ", tiles shuffled"));
      }
    }
  }
}

}  // namespace stockpot::test
