#include "plan/differences.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/error.hpp"

namespace stockpot::plan {

void Differences::add(const std::string& code, std::string line) { by_code_[code].push_back(std::move(line)); }

void Differences::raise() const {
  constexpr std::size_t shown = 20;
  std::size_t count = 0;
  std::string list;
  for (const auto& [code, lines] : by_code_) {
    count += lines.size();
    for (std::size_t i = 0; i < std::min(shown, lines.size()); ++i) {
      list += fmt::format("\n  {}  {}", code, printable(lines[i]));
    }
    if (lines.size() > shown) list += fmt::format("\n  {}  and {} more", code, lines.size() - shown);
  }
  if (by_code_.contains("TEN004")) {
    list +=
        "\n  hint    'stockpot: {on_mismatch: skip}' leaves such a model out of that tensor; "
        "--unsafe-truncate-embeddings cuts embeddings to what all models have";
  }
  if (by_code_.contains("TEN002") || by_code_.contains("TEN005")) {
    list += "\n  hint    'stockpot: {missing: drop}' leaves such tensors out of the output";
  }
  const std::string sentence =
      fmt::format("the models do not fit together: {} difference{}", count, count == 1 ? "" : "s");
  throw Error(ErrorKind::corrupt_input, sentence)
      .code(by_code_.begin()->first)
      .with_report(fmt::format("stockpot: bad input: {}{}", sentence, list));
}

}  // namespace stockpot::plan
