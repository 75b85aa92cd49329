#include "io/model_code.hpp"

#include "io/json_text.hpp"

namespace stockpot::io {
namespace {

constexpr std::string_view key = "auto_map";

/// Texts at any depth: a class, or for tokenizers a list of two, of which one may be null.
void add_modules(const JsonText& value, std::set<std::string>& modules) {
  if (const std::string* reference = value.as_text()) {
    const auto dot = reference->rfind('.');
    const bool is_elsewhere = reference->find("--") != reference->npos;
    if (dot != reference->npos && !is_elsewhere) modules.insert(reference->substr(0, dot));
  } else if (const auto* list = value.as_array()) {
    for (const JsonText& item : *list) add_modules(item, modules);
  } else if (const auto* object = value.as_object()) {
    for (const JsonText::Member& member : *object) add_modules(member.value, modules);
  }
}

}  // namespace

std::set<std::string> own_modules(std::string_view json, const std::string& path) {
  std::set<std::string> modules;
  if (json.find(key) == json.npos) return modules;  // as a rule; what is not asked for need not be JSON either
  const JsonText document = parse_json_object(json, path, "FMT022");
  if (const JsonText* map = document.find(key)) add_modules(*map, modules);
  return modules;
}

}  // namespace stockpot::io
