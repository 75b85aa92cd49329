#include "engine/staged_plan.hpp"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <vector>

#include "core/error.hpp"
#include "engine/plan_facts.hpp"
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
  throw error.hint("--resume=never throws away what is staged and starts anew; or choose another output");
}

}  // namespace stockpot::engine
