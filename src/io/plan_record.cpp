#include "io/plan_record.hpp"

#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "io/digest.hpp"

namespace stockpot::io {
namespace {

constexpr const char* schema = "stockpot-plan-1";

/// Short values are shown, long ones only named.
std::string change(const std::string& name, const std::string& before, const std::string& now) {
  constexpr std::size_t most_shown = 100;
  if (before.size() > most_shown || now.size() > most_shown) return fmt::format("{} differs", printable(name));
  return fmt::format("{}: was {}, is {}", printable(name), printable(before), printable(now));
}

/// get() would take a negative number or a fraction for some number or other.
std::uint64_t whole_number(const nlohmann::json& json, const char* name) {
  const nlohmann::json& number = json.at(name);
  if (!number.is_number_unsigned()) throw nlohmann::json::other_error::create(501, "no whole number", &number);
  return number.get<std::uint64_t>();
}

}  // namespace

std::string digest_of(const PlanFacts& facts) {
  std::string text;
  for (const auto& [name, value] : facts) text += fmt::format("{} {} {} {}\n", name.size(), name, value.size(), value);
  return sha256_hex(text);
}

std::string to_json(const PlanRecord& record) {
  nlohmann::ordered_json json{
      {"schema", schema},      {"plan_digest", digest_of(record.facts)}, {"unit_bytes", record.unit_bytes},
      {"units", record.units}, {"output_bytes", record.output_bytes},    {"facts", nlohmann::ordered_json::array()}};
  for (const auto& [name, value] : record.facts) json["facts"].push_back({name, value});
  return json.dump(1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

std::optional<PlanRecord> parse_plan_record(std::string_view text) {
  try {
    const auto json = nlohmann::json::parse(text);
    if (json.at("schema") != schema) return std::nullopt;
    PlanRecord record;
    record.unit_bytes = whole_number(json, "unit_bytes");
    record.units = whole_number(json, "units");
    record.output_bytes = whole_number(json, "output_bytes");
    for (const auto& fact : json.at("facts")) {
      record.facts.emplace_back(fact.at(0).get<std::string>(), fact.at(1).get<std::string>());
    }
    return record;
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;
  }
}

std::vector<std::string> differences(const PlanFacts& before, const PlanFacts& now) {
  std::map<std::string, std::string> old(before.begin(), before.end());
  std::vector<std::string> lines;
  for (const auto& [name, value] : now) {
    const auto known = old.find(name);
    if (known == old.end()) {
      lines.push_back(fmt::format("{}: new", printable(name)));
      continue;
    }
    if (known->second != value) lines.push_back(change(name, known->second, value));
    old.erase(known);
  }
  for (const auto& [name, value] : old) lines.push_back(fmt::format("{}: gone", printable(name)));
  return lines;
}

}  // namespace stockpot::io
