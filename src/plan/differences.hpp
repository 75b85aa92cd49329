// What does not fit together between models, in one report.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace stockpot::plan {

/// Differences between models, collected so that one run shows them all.
class Differences {
 public:
  void add(const std::string& code, std::string line);
  bool empty() const { return by_code_.empty(); }
  /// @throws Error(corrupt_input) whose report shows the first 20 of each code.
  [[noreturn]] void raise() const;

 private:
  std::map<std::string, std::vector<std::string>> by_code_;
};

}  // namespace stockpot::plan
