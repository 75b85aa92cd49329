#include "engine/workplace.hpp"

#include <utility>
#include <vector>

#include "comm/agree.hpp"
#include "engine/lookout.hpp"
#include "engine/output_format.hpp"
#include "engine/resume_check.hpp"
#include "io/tree.hpp"
#include "plan/sweep.hpp"

namespace stockpot::engine {

void take_up_work(const comm::Communicator& comm, const Stage& stage, std::uint32_t threads,
                  const recipe::MergeDocument& document, const JobOptions& options, Workplace& place) {
  const auto places = comm::agree(comm, [&] {
    return output_places(options.output_format, layout_of(stage.plan, "", document.extensions.output_metadata));
  });
  place.continuation = take_up(comm, place.staging, stage, places, options.reliability);
  const ResumeCheck check = place.continuation.is_doubted ? ResumeCheck::all : options.reliability.resume_check;
  Lookout lookout(comm, options);
  if (places) check_done_units(comm, stage, *places, check, threads, lookout, place.continuation);
}

bool leave_unbegun(Workplace& place, bool holds_more) {
  if (!place.staging) return false;
  const bool keep = holds_more || (!place.is_new && io::stored_size(place.staging->plan_file()));
  keep ? place.staging->leave() : place.staging->discard();
  place.staging.reset();
  return keep;
}

void schedule_work(const comm::Communicator& comm, std::span<const PlacedStage> stages,
                   const plan::ScheduleOptions& options) {
  std::vector<plan::SweepPart> parts;
  for (const auto& [stage, place] : stages) {
    const Continuation& before = place->continuation;
    parts.push_back({&stage->plan, options, before.done});
    if (before.unit_bytes > 0) parts.back().options.unit_bytes = before.unit_bytes;
  }
  comm::agree(comm, [&] {
    std::vector<plan::Schedule> schedules = plan::make_schedules(parts);
    for (std::size_t s = 0; s < stages.size(); ++s) stages[s].place->schedule = std::move(schedules[s]);
  });
  comm::agree(comm, [&] {
    for (const auto& [stage, place] : stages) {
      if (place->staging) place->is_new = record_plan(*place->staging, *stage, place->schedule);
    }
  });
}

}  // namespace stockpot::engine
