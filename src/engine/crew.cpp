#include "engine/crew.hpp"

#include <algorithm>

#include "engine/source_factory.hpp"
#include "plan/sweep.hpp"
#include "plan/waves.hpp"

namespace stockpot::engine {

CrewNeeds::CrewNeeds(const plan::MergePlan& plan, const plan::Schedule& schedule)
    : strip(plan::largest_strip(plan, schedule.options.chunk_bytes)),
      wave(schedule.largest_wave),
      workspace_bytes(schedule.memory.workspace_bytes),
      tally_bytes(std::max(schedule.memory.tally_bytes, schedule.largest_wave.tally_bytes)),
      small_tensor_bytes(schedule.memory.small_tensor_bytes),
      bookkeeping_bytes(plan::bookkeeping_bytes(plan)),
      turns_matrices(engine::turns_matrices(plan)) {}

void CrewNeeds::join(const CrewNeeds& other) {
  const auto grow = [](std::uint64_t& mine, std::uint64_t others) { mine = std::max(mine, others); };
  grow(strip.stored_bytes, other.strip.stored_bytes);
  grow(strip.value_bytes, other.strip.value_bytes);
  grow(strip.output_bytes, other.strip.output_bytes);
  grow(strip.counts, other.strip.counts);
  grow(wave.kept_bytes, other.wave.kept_bytes);
  grow(wave.counters, other.wave.counters);
  grow(wave.tally_bytes, other.wave.tally_bytes);
  grow(workspace_bytes, other.workspace_bytes);
  grow(tally_bytes, other.tally_bytes);
  small_tensor_bytes += other.small_tensor_bytes;
  turns_matrices = turns_matrices || other.turns_matrices;
  bookkeeping_bytes += other.bookkeeping_bytes;
}

std::uint64_t CrewNeeds::total(std::uint64_t threads) const {
  return threads * strip.total() + workspace_bytes + tally_bytes + small_tensor_bytes + wave.kept_bytes;
}

Crew::Crew(const CrewNeeds& needs, const plan::ScheduleOptions& options, OpenSource open, std::function<bool()> idle,
           std::size_t merges)
    : pool(options.memory_per_rank),
      files([this, open = std::move(open)](const std::string& path) {
        std::unique_ptr<io::ByteSource> file = open(path);
        if (read_memory_) file = std::make_unique<io::RememberedSource>(std::move(file), *read_memory_);
        return file;
      }),
      workers(options.threads, std::move(idle)) {
  for (std::size_t w = 0; w < workers.size(); ++w) {
    per_worker.push_back({WorkerBuffers(pool, needs.strip), {}, {}, workers.clock(w)});
  }
  const std::uint64_t counter_bytes = needs.wave.counters * sizeof(std::uint64_t);
  kept_memory_ = pool.acquire(needs.wave.kept_bytes);
  counter_memory_ = pool.acquire(counter_bytes);
  state_ = pool.lend(needs.wave.tally_bytes - counter_bytes);
  workspace_ = pool.lend(needs.workspace_bytes);
  small_tensors_ = pool.lend(needs.small_tensor_bytes);
  kept = KeptStrips(kept_memory_.bytes());
  counters = counter_memory_.as<std::uint64_t>(0, needs.wave.counters);
  if (merges > 1) remember_reads(needs, options);
}

void Crew::remember_reads(const CrewNeeds& needs, const plan::ScheduleOptions& options) {
  const std::uint64_t spare = options.memory_per_rank - needs.total(options.threads);
  const std::uint64_t wanted = std::min(spare - std::min(spare, needs.bookkeeping_bytes),
                                        plan::bytes_to_remember(needs.wave.kept_bytes));  // more would only be touched
  if (wanted < io::ReadMemory::usual_piece_bytes) return;
  remembered_ = pool.acquire(wanted);
  read_memory_.emplace(remembered_.bytes());
}

}  // namespace stockpot::engine
