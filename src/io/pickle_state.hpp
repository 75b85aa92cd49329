// What the machine that reads pickles holds: stack, marks, memo and the table of objects, and what they cost.
#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "io/pickle.hpp"
#include "io/pickle_stream.hpp"

namespace stockpot::io {

class PickleState {
 protected:
  using Kind = PickleValue::Kind;

  PickleState(std::string_view bytes, std::string_view path, const PickleLimits& limits)
      : in_(bytes, path, limits.text_bytes), limits_(limits) {}

  /// Memory is accounted for before it is taken. What is counted is linear in the pickle's length anyway.
  void charge(std::uint64_t values) {
    constexpr std::uint64_t bytes_each = 64;
    charged_ += values * bytes_each;
    if (charged_ > limits_.value_bytes) {
      in_.refuse("FMT005", fmt::format("the pickle's values need more than {} bytes", limits_.value_bytes));
    }
  }

  void push(PickleValue value) {
    charge(1);
    stack_.push_back(value);
  }
  void push(Kind kind, std::int64_t integer = 0) { push(PickleValue{kind, integer}); }
  void push(Kind kind, PickleObject object) { push(make(kind, std::move(object))); }

  PickleValue make(Kind kind, PickleObject object) {
    charge(1 + object.items.size());
    result_.objects.push_back(std::move(object));
    return {kind, static_cast<std::int64_t>(result_.objects.size() - 1)};
  }

  /// The lowest place of the stack that belongs to the innermost mark.
  std::size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }

  PickleValue& top() {
    if (stack_.size() <= floor()) in_.refuse("FMT032", "the pickle takes a value from an empty stack");
    return stack_.back();
  }
  PickleValue pop() {
    const PickleValue value = top();
    stack_.pop_back();
    return value;
  }
  std::vector<PickleValue> pop_many(std::size_t first) {
    const auto begin = stack_.begin() + static_cast<std::ptrdiff_t>(first);
    std::vector<PickleValue> values(begin, stack_.end());
    stack_.erase(begin, stack_.end());
    return values;
  }
  std::vector<PickleValue> pop_to_mark() {
    if (marks_.empty()) in_.refuse("FMT032", "the pickle closes what it did not open");
    const std::size_t first = marks_.back();
    marks_.pop_back();
    return pop_many(first);
  }
  std::vector<PickleValue> pop_count(std::size_t count) {
    if (stack_.size() - floor() < count) in_.refuse("FMT032", "the pickle takes a value from an empty stack");
    return pop_many(stack_.size() - count);
  }

  PickleObject& object(PickleValue value) { return result_.objects[static_cast<std::size_t>(value.integer)]; }

  // ---- the memo

  std::size_t remembered() const { return memo_.size(); }

  void remember(std::uint64_t index) {
    constexpr std::uint64_t max_index = 64'000'000;
    if (index > max_index) in_.refuse("FMT005", fmt::format("memo index {} is over the limit of {}", index, max_index));
    charge(1);
    memo_.insert_or_assign(index, top());
  }

  void recall(std::uint64_t index) {
    const auto known = memo_.find(index);
    if (known == memo_.end()) in_.refuse("FMT032", fmt::format("the pickle has nothing under memo index {}", index));
    push(PickleValue(known->second));
  }

  PickleStream in_;
  PickleLimits limits_;
  Pickle result_;
  std::vector<PickleValue> stack_;
  std::vector<std::size_t> marks_;

 private:
  std::unordered_map<std::uint64_t, PickleValue> memo_;  // never walked
  std::uint64_t charged_ = 0;
};

}  // namespace stockpot::io
