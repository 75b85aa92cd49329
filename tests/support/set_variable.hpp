// An environment variable that is set for the length of a scope.
#pragma once

#include <cstdlib>
#include <string>

namespace stockpot::test {

class SetVariable {
 public:
  SetVariable(const char* name, const char* value) : name_(name) {
    const char* before = std::getenv(name);
    was_set_ = before != nullptr;
    if (was_set_) before_ = before;
    ::setenv(name, value, 1);
  }
  ~SetVariable() {
    if (was_set_) {
      ::setenv(name_, before_.c_str(), 1);
    } else {
      ::unsetenv(name_);
    }
  }
  SetVariable(const SetVariable&) = delete;
  SetVariable& operator=(const SetVariable&) = delete;

 private:
  const char* name_;
  bool was_set_ = false;
  std::string before_;
};

}  // namespace stockpot::test
