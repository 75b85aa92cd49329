// Remarks as lines of text, for matchers of strings.
#pragma once

#include <string>
#include <vector>

#include "core/remark.hpp"

namespace stockpot::test {

inline std::vector<std::string> texts(const std::vector<Remark>& remarks) {
  std::vector<std::string> texts;
  for (const Remark& remark : remarks) texts.push_back(to_text(remark));
  return texts;
}

}  // namespace stockpot::test
