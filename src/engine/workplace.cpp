#include "engine/workplace.hpp"

#include "comm/agree.hpp"
#include "engine/lookout.hpp"
#include "engine/output_format.hpp"
#include "engine/resume_check.hpp"
#include "io/tree.hpp"

namespace stockpot::engine {

void take_up_work(const comm::Communicator& comm, const Stage& stage, const plan::ScheduleOptions& schedule,
                  const recipe::MergeDocument& document, const JobOptions& options, Workplace& place) {
  try {
    const auto places = comm::agree(comm, [&] {
      return output_places(options.output_format, layout_of(stage.plan, "", document.extensions.output_metadata));
    });
    place.continuation = take_up(comm, place.staging, stage, places, options.reliability);
    const ResumeCheck check = place.continuation.is_doubted ? ResumeCheck::all : options.reliability.resume_check;
    Lookout lookout(comm, options);
    if (places) check_done_units(comm, stage, *places, check, schedule.threads, lookout, place.continuation);
    plan::ScheduleOptions as_before = schedule;
    if (place.continuation.unit_bytes > 0) as_before.unit_bytes = place.continuation.unit_bytes;
    place.schedule =
        comm::agree(comm, [&] { return plan::make_schedule(stage.plan, as_before, place.continuation.done); });
    comm::agree(comm, [&] {
      if (place.staging) record_plan(*place.staging, stage, place.schedule);
    });
  } catch (...) {
    if (comm.failing_together() && place.staging) {
      const bool keep = options.keep_staging || io::stored_size(place.staging->plan_file());
      keep ? place.staging->leave() : place.staging->discard();
      place.staging.reset();
    }
    throw;
  }
}

}  // namespace stockpot::engine
