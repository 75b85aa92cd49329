// plan.json: what is read and written again says the same.
#include "fuzz.hpp"
#include "io/plan_record.hpp"

void stockpot::fuzz::target(std::string_view input) {
  const auto record = io::parse_plan_record(input);
  if (!record) return;
  const auto again = io::parse_plan_record(io::to_json(*record));
  require(again.has_value(), "what is written is read again");
  require(again->facts == record->facts, "facts stay as they are");
  require(again->unit_bytes == record->unit_bytes && again->units == record->units, "numbers stay as they are");
  require(again->output_bytes == record->output_bytes, "the output's size stays as it is");
  require(io::digest_of(again->facts) == io::digest_of(record->facts), "the digest stays as it is");
  io::differences(record->facts, {{"seed", "1"}, {"recipe", "x"}});
}
