#include "engine/final_output.hpp"

#include <algorithm>

#include "engine/stage_place.hpp"

namespace stockpot::engine {

bool FinalOutput::open(std::span<const Stage> stages, const std::vector<std::string>& inputs) {
  const auto last = std::ranges::find(stages, "", &Stage::name);
  if (last == stages.end()) {
    there_.refuse_foreign(stages);
    return true;
  }
  const io::OutputPlace place = place_for(stages, *last, inputs);
  const bool anew = settings_.options.reliability.resume == Resume::never;
  if (!anew && !place.overwrite && io::Staging::is_finished(place)) return false;
  there_.refuse_foreign(stages);
  staging_ = io::Staging::open(place);
  if (!anew && staging_->is_published()) {
    staging_->discard();
    return false;
  }
  if (anew) staging_->start_anew(true);
  return true;
}

io::OutputPlace FinalOutput::place_for(std::span<const Stage> stages, const Stage& last,
                                       std::vector<std::string> inputs) const {
  io::OutputPlace place = place_of(last, settings_.places.out, settings_.options);
  place.inputs = std::move(inputs);
  for (const Stage& stage : stages) {
    if (&stage == &last) continue;
    const io::OutputPlace own = place_of(stage, there_.directory_of(stage), settings_.options);
    if (!settings_.places.intermediate) {
      place.stages_bytes += own.needed_bytes;
      continue;
    }
    place.inputs.push_back(own.out);
    if (!there_.has(stage)) place.needed_bytes += missing_bytes(own, settings_.places.out);
  }
  place.overwrite = settings_.places.overwrite;
  place.in_place = settings_.options.reliability.in_place;
  place.claim.break_token = settings_.options.reliability.break_lock;
  return place;
}

void FinalOutput::end_failed() {
  if (staging_) holds_stages_ || staging_->holds_work() ? staging_->leave() : staging_->discard();
}

}  // namespace stockpot::engine
