// The Error that some work ends with, for tests about messages.
#pragma once

#include <gtest/gtest.h>

#include "core/error.hpp"

namespace stockpot::test {

/// Fails the test if `work` does not throw; the result is then ErrorKind::internal.
template <class Work>
Error error_of(const Work& work) {
  try {
    work();
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "no Error was thrown";
  return Error(ErrorKind::internal, "no Error was thrown");
}

}  // namespace stockpot::test
