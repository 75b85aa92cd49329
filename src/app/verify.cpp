// stockpot verify OUT: computes every digest of a published output anew and compares with its manifest.
#include "engine/verify.hpp"

#include <fmt/format.h>

#include "app/commands.hpp"
#include "app/options.hpp"
#include "app/ranks.hpp"
#include "app/resources.hpp"
#include "app/shared_options.hpp"
#include "comm/agree.hpp"
#include "core/size.hpp"
#include "engine/rank_reports.hpp"

namespace stockpot::app {
namespace {

CommandLine line() {
  return {.name = "verify",
          .purpose =
              "Reads a published output and checks it against its manifest: exit code 0 if every tensor and "
              "header byte is the one that was merged, 10 if not, naming what differs. Runs on any number of ranks.",
          .arguments = {"OUT"},
          .groups = {{"verifying",
                      {{.name = "threads",
                        .value_name = "N",
                        .help = "worker threads of a rank; default: the CPUs that it may use",
                        .also = {"j", "num-threads"},
                        .variable = "STOCKPOT_THREADS"},
                       {.name = "chunk", .value_name = "SIZE", .help = "bytes of one read; default 4 MiB"},
                       sparse_files_option("holes of files are not read: they are zeros"),
                       direct_option("none|reads")}}}};
}

int verify(const comm::Communicator& comm, Arguments arguments) {
  const auto line_read = comm::agree(comm, [&] { return read_line(line(), arguments); });
  if (!line_read) return 0;
  const Values& values = *line_read;
  engine::VerifyOptions options;
  const MachineShare share = share_of_this_rank(comm);
  comm::agree(comm, [&] {
    const auto threads = values.number("threads", 1, most_threads);
    options.threads = static_cast<std::uint32_t>(threads ? *threads : default_threads(Machine::current(), share).value);
    if (const auto chunk = values.size("chunk")) options.chunk_bytes = *chunk;
    if (values.on("sparse-files")) options.open = engine::sparse_source();
    if (direct_files(values, {"none", "reads"}).reads) options.open = engine::direct_source();
  });
  const engine::VerifySummary summary = engine::verify_output(comm, *values.argument(0), options);
  log_warnings(engine::remarks_on_direct({io::take_direct_totals()}), comm.rank());
  if (comm.is_root()) {
    fmt::print("verified {}  {} tensors in {} file{}  {}\n", printable(*values.argument(0)), summary.tensors,
               summary.files, summary.files == 1 ? "" : "s", human_bytes(summary.bytes));
  }
  return 0;
}

}  // namespace

int verify_command(Arguments arguments) {
  if (asks_for_help(arguments)) {
    read_line(line(), arguments);
    return 0;
  }
  return run_on_ranks([&](const comm::Communicator& comm) { return verify(comm, arguments); });
}

}  // namespace stockpot::app
