#include "recipe/stages.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "core/error.hpp"

namespace stockpot::recipe {
namespace {

constexpr std::size_t max_name_bytes = 128;

using Names = std::map<std::string_view, std::size_t>;  // of stages, to the first document that has the name

Names names_of(const std::vector<MergeDocument>& documents) {
  Names names;
  for (std::size_t d = 0; d < documents.size(); ++d) {
    if (!documents[d].name.empty()) names.emplace(documents[d].name, d);
  }
  return names;
}

/// Control characters as UTF-8 has them, those above 0x7F included.
bool has_control_character(std::string_view name) {
  for (std::size_t i = 0; i < name.size(); ++i) {
    const auto byte = static_cast<std::uint8_t>(name[i]);
    if (byte < 0x20 || byte == 0x7F) return true;
    if (byte == 0xC2 && i + 1 < name.size() && static_cast<std::uint8_t>(name[i + 1]) < 0xA0) return true;
  }
  return false;
}

/// What keeps a name from being a folder below another, or nothing.
std::optional<std::string> flaw_of(std::string_view name) {
  if (name.empty()) return "it is empty";
  if (name.size() > max_name_bytes) return fmt::format("it is longer than {} bytes", max_name_bytes);
  if (has_control_character(name)) return "it has a control character";
  if (name.find('\\') != name.npos) return "it has a backslash";
  for (std::size_t begin = 0; begin <= name.size();) {
    const std::size_t end = std::min(name.find('/', begin), name.size());
    if (end == begin) return "a part of it is empty";
    if (name[begin] == '.') return "a part of it begins with '.'";
    if (name.substr(begin, end - begin).ends_with(".stockpot"))
      return "a part of it ends in '.stockpot', as the folders do in which outputs grow";
    begin = end + 1;
  }
  return std::nullopt;
}

/// The stage whose folder would hold this one's.
Names::const_iterator stage_around(std::string_view name, const Names& names) {
  for (std::size_t end = name.rfind('/'); end != name.npos && end > 0; end = name.rfind('/', end - 1)) {
    const auto found = names.find(name.substr(0, end));
    if (found != names.end()) return found;
  }
  return names.end();
}

void check_name(std::size_t d, const std::vector<MergeDocument>& documents, const Names& names,
                Diagnostics& diagnostics) {
  const MergeDocument& document = documents[d];
  const auto refuse = [&](std::string_view code, const std::string& why) {
    diagnostics.error(code, document.name_at, fmt::format("stage name {}: {}", in_quotes(document.name), why),
                      code == "STG003" ? "a name becomes a folder: 1 to 128 bytes, such as 'soup' or 'org/soup'" : "");
  };
  if (const auto flaw = flaw_of(document.name)) return refuse("STG003", *flaw);
  const std::size_t first = names.at(document.name);
  if (first != d)
    return refuse("STG002", fmt::format("the stage at line {} has it already", documents[first].name_at.line));
  const auto around = stage_around(document.name, names);
  if (around != names.end())
    refuse("STG003", fmt::format("it lies in the folder of stage {}", in_quotes(around->first)));
}

void check_names(const std::vector<MergeDocument>& documents, const Names& names, Diagnostics& diagnostics) {
  const MergeDocument* unnamed = nullptr;
  for (std::size_t d = 0; d < documents.size(); ++d) {
    const MergeDocument& document = documents[d];
    if (!document.name.empty() || document.name_at.line != 0) {
      check_name(d, documents, names, diagnostics);
      continue;
    }
    if (unnamed != nullptr) {
      diagnostics.error("STG001", document.at,
                        fmt::format("a second document without 'name'; the first is at line {}", unnamed->at.line),
                        "only the last merge goes without a name: name the others and refer to them by it");
    }
    if (unnamed == nullptr) unnamed = &document;
  }
}

/// The documents that each document refers to, and where it does so first.
using Needs = std::vector<std::map<std::size_t, Position>>;

Needs needs_of(const std::vector<MergeDocument>& documents, const Names& names) {
  Needs needs(documents.size());
  for (std::size_t d = 0; d < documents.size(); ++d) {
    for (const ModelReference& model : documents[d].models()) {
      const auto stage = names.find(model.path);
      if (stage != names.end()) needs[d].emplace(stage->second, model.at);
    }
  }
  return needs;
}

/// Reports a cycle among documents of which each needs another of them.
void report_cycle(const std::vector<MergeDocument>& documents, const Needs& needs, const std::set<std::size_t>& left,
                  Diagnostics& diagnostics) {
  std::vector<std::size_t> path{*left.begin()};
  while (true) {
    const auto& wanted = needs[path.back()];
    const auto next = std::ranges::find_if(wanted, [&](const auto& need) { return left.contains(need.first); });
    const auto seen = std::ranges::find(path, next->first) - path.begin();
    path.push_back(next->first);
    if (seen == static_cast<std::ptrdiff_t>(path.size()) - 1) continue;
    path.erase(path.begin(), path.begin() + seen);
    break;
  }
  std::string shown;
  for (const std::size_t d : path) {
    shown += shown.empty() ? "" : " -> ";
    shown += in_quotes(documents[d].name);
  }
  diagnostics.error("STG005", needs[path[0]].at(path[1]), fmt::format("stages need each other: {}", shown),
                    "each arrow leads from a stage to one whose output it merges");
}

template <typename Visit>
void visit_references(MergeDocument& document, Visit&& visit) {
  for (Module& module : document.modules) {
    for (OutputSlice& slice : module.slices) {
      for (InputSlice& source : slice.sources) {
        const std::string text = source.model.text;
        visit(source.model);
        if (source.key == text) source.key = source.model.text;
      }
      if (slice.base_model) visit(*slice.base_model);
    }
  }
  if (document.base_model) visit(*document.base_model);
  if (!document.tokenizer) return;
  if (document.tokenizer->model) visit(*document.tokenizer->model);
  for (TokenRequest& token : document.tokenizer->tokens) {
    if (token.model) visit(*token.model);
  }
}

}  // namespace

std::vector<std::size_t> stage_order(const std::vector<MergeDocument>& documents, Diagnostics& diagnostics) {
  const Names names = names_of(documents);
  check_names(documents, names, diagnostics);
  const Needs needs = needs_of(documents, names);
  std::vector<std::size_t> order;
  std::set<std::size_t> left;
  for (std::size_t d = 0; d < documents.size(); ++d) left.insert(d);
  while (!left.empty()) {
    const auto ready = std::ranges::find_if(left, [&](std::size_t d) {
      return std::ranges::none_of(needs[d], [&](const auto& need) { return left.contains(need.first); });
    });
    if (ready == left.end()) {
      report_cycle(documents, needs, left, diagnostics);
      order.insert(order.end(), left.begin(), left.end());
      break;
    }
    order.push_back(*ready);
    left.erase(ready);
  }
  return order;
}

void settle_stage_references(std::vector<MergeDocument>& documents, Diagnostics& diagnostics) {
  const Names names = names_of(documents);
  if (names.empty()) return;
  const auto settle = [&](ModelReference& model) {
    if (model.revision.empty() || !names.contains(model.path)) return;
    diagnostics.warn("REF010", model.at,
                     fmt::format("{} is a stage of this recipe: revision {} is ignored", in_quotes(model.path),
                                 in_quotes(model.revision)));
    drop_revision(model);
  };
  for (MergeDocument& document : documents) visit_references(document, settle);
}

bool is_read_by_others(const MergeDocument& stage, const std::vector<MergeDocument>& documents) {
  return !stage.name.empty() && std::ranges::any_of(documents, [&](const MergeDocument& other) {
    return std::ranges::any_of(other.models(), [&](const ModelReference& model) { return model.path == stage.name; });
  });
}

}  // namespace stockpot::recipe
