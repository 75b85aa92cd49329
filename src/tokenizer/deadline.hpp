// How long a hostile tokenizer may keep us.
#pragma once

#include <chrono>

#include "tokenizer/not_encodable.hpp"

namespace stockpot::tokenizer {

/// Honest tokenizers take a second for megabytes of text.
class Deadline {
 public:
  explicit Deadline(std::chrono::seconds from_now = std::chrono::seconds(60))
      : end_(std::chrono::steady_clock::now() + from_now) {}
  /// @throws NotEncodable once the time is over.
  void check() const {
    if (std::chrono::steady_clock::now() > end_) throw NotEncodable("it takes longer than a minute");
  }

 private:
  std::chrono::steady_clock::time_point end_;
};

}  // namespace stockpot::tokenizer
