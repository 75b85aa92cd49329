#include "engine/staged_plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <string_view>
#include <vector>

#include "core/error.hpp"
#include "engine/plan_facts.hpp"
#include "io/publish.hpp"
#include "io/small_file.hpp"
#include "io/tree.hpp"

namespace stockpot::engine {
namespace {

/// A stage of an edited recipe is made anew without a word. What else is staged in its place is not its own to throw away.
bool is_of_this_stage(const io::PlanFacts& staged, const Stage& stage) {
  return !stage.name.empty() && std::ranges::find(staged, fact_of_name(stage)) != staged.end();
}

}  // namespace

std::optional<io::PlanRecord> read_staged_plan(const std::string& plan_file) {
  constexpr std::uint64_t limit_bytes = std::uint64_t{1} << 30;
  if (!io::stored_size(plan_file)) return std::nullopt;
  return io::parse_plan_record(io::read_file(plan_file, limit_bytes));
}

void refuse_other_merge(const std::string& plan_file, const io::PlanFacts& staged, const Stage& stage) {
  if (io::digest_of(staged) == stage.fingerprint || is_of_this_stage(staged, stage)) return;
  constexpr std::size_t most_shown = 20;
  Error error(ErrorKind::recipe, "what is staged for this output is of another merge");
  error.code("RES001").with("staged in", std::filesystem::path(plan_file).parent_path().string());
  const std::vector<std::string> lines = io::differences(staged, stage.facts);
  for (std::size_t i = 0; i < std::min(most_shown, lines.size()); ++i) error.with("differs", lines[i]);
  const std::string_view other = stage.name.empty() ? "output" : "--intermediate-dir";
  throw error.hint(
      fmt::format("--resume=never throws away what is staged and starts anew; or choose another {}", other));
}

void refuse_other_merge_at(const std::string& out, const Stage& stage) {
  const auto plan_file = io::staged_plan_file(out);
  if (!plan_file) return;
  std::optional<io::PlanRecord> staged;
  try {
    staged = read_staged_plan(*plan_file);
  } catch (const Error&) {  // storage that fails for a while, or somebody who is removing it
    return;
  }
  if (staged) refuse_other_merge(*plan_file, staged->facts, stage);
}

}  // namespace stockpot::engine
