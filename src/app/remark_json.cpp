#include "app/remark_json.hpp"

#include <string>

namespace stockpot::app {

nlohmann::ordered_json as_json(const Remark& remark) {
  nlohmann::ordered_json json{{"severity", name(remark.severity)}};
  const auto add = [&](const char* key, const std::string& value) {
    if (!value.empty()) json[key] = value;
  };
  add("code", remark.code);
  add("file", remark.file);
  if (remark.line != 0) json["line"] = remark.line;
  if (remark.line != 0) json["column"] = remark.column;
  json["message"] = remark.message;
  add("help", remark.help);
  for (const auto& [fact, value] : remark.facts) {
    nlohmann::ordered_json& entry = json["facts"][fact];
    if (entry.is_null()) {
      entry = value;
    } else {
      if (entry.is_string()) entry = nlohmann::ordered_json::array({entry});
      entry.push_back(value);
    }
  }
  return json;
}

}  // namespace stockpot::app
