// stockpot status OUT: what there is of an output, how far it got, and what to do.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "app/commands.hpp"
#include "app/options.hpp"
#include "core/error.hpp"
#include "io/output_status.hpp"

namespace stockpot::app {
namespace {

CommandLine line() {
  return {.name = "status",
          .purpose =
              "Says what there is of an output, how far it got and what to do, from any machine and without MPI. "
              "Exit code: 0 published, 75 the same command line goes on, 6 somebody works on it, 4 broken, "
              "3 nothing there.",
          .arguments = {"OUT"},
          .groups = {{"showing", {{.name = "json", .takes = Takes::toggle, .help = "for programs"}}}}};
}

struct Shown {
  const char* name;
  const char* sentence;
  int code;
};

Shown shown(io::OutputState state) {
  switch (state) {
    case io::OutputState::published:
      return {"published", "published", 0};
    case io::OutputState::resumable:
      return {"resumable", "can be gone on with", static_cast<int>(ErrorKind::stopped)};
    case io::OutputState::in_use:
      return {"in_use", "in use", static_cast<int>(ErrorKind::output_exists)};
    case io::OutputState::broken:
      return {"broken", "broken", static_cast<int>(ErrorKind::corrupt_input)};
    case io::OutputState::nothing:
      break;
  }
  return {"nothing", "nothing there", static_cast<int>(ErrorKind::recipe)};
}

std::string holder_of(const io::LockHolder& holder) {
  const io::RunLock& lock = holder.lock;
  if (lock.released) return fmt::format("host {}, pid {}, ended", printable(lock.host), lock.pid);
  return fmt::format("host {}, pid {}{}, since {}, last sign of life {} s ago", printable(lock.host), lock.pid,
                     lock.job_id.empty() ? "" : ", job " + printable(lock.job_id), printable(lock.started),
                     holder.quiet_seconds);
}

void print_text(const std::string& out, const io::OutputStatus& status) {
  fmt::print("{}: {}\n", printable(out), shown(status.state).sentence);
  if (status.manifest_sha256) fmt::print("  manifest  {:.16}\n", *status.manifest_sha256);
  if (status.units) fmt::print("  staged    {} of {} units are done\n", *status.done_units, *status.units);
  if (status.holder) fmt::print("  worker    {}\n", holder_of(*status.holder));
  for (const std::string& note : status.notes) fmt::print("  note      {}\n", note);
  if (!status.next.empty()) fmt::print("  next      {}\n", printable(status.next));
}

void print_json(const io::OutputStatus& status) {
  nlohmann::ordered_json json{{"state", shown(status.state).name}};
  if (status.manifest_sha256) json["manifest_sha256"] = *status.manifest_sha256;
  if (status.units) json["units"] = {{"done", *status.done_units}, {"all", *status.units}};
  if (status.holder) {
    const io::RunLock& lock = status.holder->lock;
    json["holder"] = {{"host", lock.host},   {"pid", lock.pid},        {"job", lock.job_id},
                      {"token", lock.token}, {"ended", lock.released}, {"quiet_seconds", status.holder->quiet_seconds}};
  }
  json["notes"] = status.notes;
  json["next"] = status.next;
  fmt::print("{}\n", json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
}

}  // namespace

int status_command(Arguments arguments) {
  const auto values = read_line(line(), arguments);
  if (!values) return 0;
  const std::string out = *values->argument(0);
  const io::OutputStatus status = io::status_of(out);
  values->on("json") ? print_json(status) : print_text(out, status);
  return shown(status.state).code;
}

}  // namespace stockpot::app
