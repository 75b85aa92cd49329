#include "app/reliability_options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <ctime>

#include "app/deadline.hpp"
#include "core/error.hpp"

namespace stockpot::app {
namespace {

constexpr std::uint64_t longest_time{longest_seconds};

}  // namespace

OptionGroup reliability_options() {
  return {
      "going on, and committing",
      {{.name = "resume",
        .value_name = "auto|never",
        .help = "auto, the default, goes on with what an interrupted merge left; never throws it away"},
       {.name = "resume-check",
        .value_name = "none|sample|all",
        .help = "how much of what was done is read back and compared before going on; default: sample, 1 %"},
       {.name = "break-lock",
        .value_name = "TOKEN",
        .help = "take over from a run on another machine that is known to have ended; its error names the token"},
       {.name = "verify",
        .takes = Takes::choice,
        .value_name = "readback|none",
        .help = "read the whole output again before it is published, and compare it with its manifest",
        .implied = "readback"},
       {.name = "commit",
        .value_name = "rename|marker",
        .help =
            "marker: for places that cannot rename a directory in one step; data grows in OUT, and a file COMMITTED "
            "is written last"},
       {.name = "deadline",
        .value_name = "TIME",
        .help =
            "stop cleanly before this: 50m from now, 2026-11-28T10:30:00Z or @SECONDS since 1970; default: the end of "
            "the Slurm job",
        .variable = "STOCKPOT_DEADLINE"},
       {.name = "reserve",
        .value_name = "TIME",
        .help = "how long before the deadline at least; default 30 s",
        .variable = "STOCKPOT_RESERVE"},
       {.name = "abort-grace",
        .value_name = "TIME",
        .help = "after a rank failed, how long to wait for others to agree, then to commit; default 30 s"},
       {.name = "stall-timeout",
        .value_name = "TIME",
        .help =
            "how long a read, a write or a rank may be silent before the job ends with 7; default 15m, 0: for ever"},
       {.name = "journal-every",
        .value_name = "TIME",
        .help = "between two commits of finished work; default 10 s, 0: after each unit"},
       {.name = "journal-bytes",
        .value_name = "SIZE",
        .help = "finished work of a rank that is committed at once, and half of what may wait for storage; default 1 "
                "GiB"}}};
}

engine::ReliabilityOptions read_reliability(const Values& values) {
  engine::ReliabilityOptions options;
  if (values.choice("resume", {"auto", "never"}) == 1) options.resume = engine::Resume::never;
  if (const auto check = values.choice("resume-check", {"none", "sample", "all"})) {
    options.resume_check = static_cast<engine::ResumeCheck>(*check);
  }
  options.break_lock = values.text("break-lock").value_or("");
  options.readback = values.choice("verify", {"none", "readback"}) == 1;
  options.in_place = values.choice("commit", {"rename", "marker"}) == 1;
  options.reserve = std::chrono::seconds(std::min(values.seconds("reserve").value_or(30), longest_time));
  options.stall_timeout = std::chrono::seconds(std::min(values.seconds("stall-timeout").value_or(900), longest_time));
  if (const auto every = values.seconds("journal-every")) {
    options.journal_every = std::chrono::seconds(std::min(*every, longest_time));
  }
  if (const auto bytes = values.size("journal-bytes")) options.journal_bytes = *bytes;
  return options;
}

std::optional<std::int64_t> read_deadline(const Values& values) {
  const auto text = values.text("deadline");
  if (!text) return std::nullopt;
  if (const auto time = parse_deadline(*text, std::time(nullptr))) return time;
  throw Error(ErrorKind::usage, fmt::format("--deadline: '{}' is no time", printable(*text)))
      .hint("50m from now, 2026-11-28T10:30:00Z, or @SECONDS since 1970");
}

std::uint64_t read_abort_grace(const Values& values) {
  return std::min(values.seconds("abort-grace").value_or(30), longest_time);
}

}  // namespace stockpot::app
