// plan.json in a staging directory: what is being made there, so that another attempt can tell whether it makes the same.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace stockpot::io {

/// What the bytes of an output depend on, by name.
using PlanFacts = std::vector<std::pair<std::string, std::string>>;

/// SHA-256 in hexadecimal digits.
std::string digest_of(const PlanFacts& facts);

struct PlanRecord {
  PlanFacts facts;
  std::uint64_t unit_bytes = 0;  ///< chosen by the first attempt
  std::uint64_t units = 0;
  std::uint64_t output_bytes = 0;
};

std::string to_json(const PlanRecord& record);
/// Nothing if it is none.
std::optional<PlanRecord> parse_plan_record(std::string_view text);

/// Lines for people: which facts changed, came, went.
std::vector<std::string> differences(const PlanFacts& before, const PlanFacts& now);

}  // namespace stockpot::io
