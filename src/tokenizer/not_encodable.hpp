// Why a text has no tokens here.
#pragma once

#include <stdexcept>

namespace stockpot::tokenizer {

/// A tokenizer of a kind that is not built in, or one that takes too long. what() is a clause: "its normalizer is ...".
class NotEncodable : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace stockpot::tokenizer
