#include "app/job_settings.hpp"

#include <algorithm>
#include <iterator>

#include "app/resources.hpp"

namespace stockpot::app {

plan::PlanOptions plan_options(const MergeOptions& options) {
  return {.seed = options.seed,
          .shard_bytes = options.shard_bytes,
          .nonfinite = options.nonfinite,
          .strict = options.strict,
          .allow_crimes = options.allow_crimes,
          .truncate_embeddings = options.truncate_embeddings,
          .allow_same = options.allow_same,
          .adapter_dtype = options.adapter_dtype};
}

engine::StageOptions stage_planning(const MergeOptions& options, recipe::Dialect dialect) {
  const auto output_format = [asked = options.output_format](const recipe::MergeDocument& document) {
    return asked.value_or(document.extensions.output_format.value_or("safetensors"));
  };
  return {.plan = plan_options(options),
          .copy_tokenizer = options.copy_tokenizer,
          .dialect = dialect,
          .output_format = output_format};
}

plan::ScheduleOptions schedule_options(const MergeOptions& options, const recipe::Extensions& extensions,
                                       std::uint32_t ranks, const MachineShare& share) {
  const Machine machine = Machine::current();
  const std::uint64_t threads = options.threads ? *options.threads : default_threads(machine, share).value;
  std::optional<std::uint64_t> memory = options.memory_per_rank;
  if (!memory) memory = extensions.memory_per_rank;
  if (!memory) memory = default_memory(machine, share.ranks).value;
  plan::ScheduleOptions schedule{.ranks = ranks,
                                 .threads = static_cast<std::uint32_t>(threads),
                                 .memory_per_rank = *memory,
                                 .unit_bytes = options.unit_bytes.value_or(0)};
  if (options.chunk_bytes) schedule.chunk_bytes = *options.chunk_bytes;
  return schedule;
}

void refuse_warnings(bool strict, const std::vector<Remark>& remarks) {
  if (!strict || !has_warnings(remarks)) return;
  std::vector<Remark> warnings;
  std::ranges::copy_if(remarks, std::back_inserter(warnings),
                       [](const Remark& r) { return r.severity > Severity::info; });
  constexpr std::size_t most = 20;
  warnings = first_of(std::move(warnings), most);
  Remark why = remark_of("there are warnings, and --strict makes errors of them", Severity::error);
  why.help = "mend what they say, or leave --strict out";
  warnings.push_back(why);
  throw Error(ErrorKind::recipe, why.message).with_parts(std::move(warnings));
}

}  // namespace stockpot::app
