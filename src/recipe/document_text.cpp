#include "recipe/document_text.hpp"

#include <algorithm>
#include <cstddef>
#include <iterator>

#include "recipe/text.hpp"

namespace stockpot::recipe {
namespace {

/// A run of lines between two separators.
struct Stretch {
  int first_line;  ///< the separator's own, on which content may begin
  std::string_view text;
};

bool is_blank(std::string_view text) { return text.find_first_not_of(" \t\r\n") == std::string_view::npos; }

/// Whether a line is `marker`, perhaps with something after it. Nothing inside a document can look like this: YAML
/// gives these two marks at the start of a line their meaning even within quotes and blocks.
bool begins_with(std::string_view line, std::string_view marker) {
  return line.starts_with(marker) && (line.size() == marker.size() || is_blank(line.substr(marker.size(), 1)));
}

std::vector<Stretch> stretches(std::string_view text) {
  std::vector<Stretch> all;
  std::size_t begin = 0;
  int first_line = 1, line_number = 1;
  const auto close = [&](std::size_t end, std::size_t next) {
    all.push_back({first_line, text.substr(begin, end - begin)});
    begin = next;
    first_line = line_number;
  };
  for (std::size_t at = 0; at < text.size(); ++line_number) {
    const std::size_t end = std::min(text.find('\n', at), text.size() - 1) + 1;
    const std::string_view line = text.substr(at, end - at);
    if (begins_with(line, "---")) {
      const std::string_view rest = line.substr(3);
      close(at, is_blank(rest) ? end : end - rest.size() + rest.find_first_not_of(" \t"));
    } else if (begins_with(line, "...")) {
      close(at, end);
    }
    at = end;
  }
  close(text.size(), text.size());
  return all;
}

}  // namespace

std::vector<std::string_view> document_texts(std::string_view text, const std::vector<Position>& begins,
                                             Diagnostics& diagnostics) {
  if (begins.size() == 1) return {text};
  const std::vector<Stretch> all = stretches(without_mark(text));
  std::vector<std::string_view> texts;
  for (const Position& begin : begins) {
    const auto after = std::upper_bound(all.begin(), all.end(), begin.line,
                                        [](int line, const Stretch& stretch) { return line < stretch.first_line; });
    const std::string_view own = std::prev(after)->text;
    // yaml-cpp takes two flow mappings one after the other for two documents; other readers refuse them.
    if (!texts.empty() && texts.back().data() == own.data())
      diagnostics.error("CFG002", begin, "YAML: a second document begins without '---' before it");
    texts.push_back(own);
  }
  return texts;
}

}  // namespace stockpot::recipe
