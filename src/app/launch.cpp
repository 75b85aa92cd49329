#include "app/launch.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.hpp"

namespace stockpot::app {
namespace {

bool is_more_than_one(const std::string& count) {
  const bool digits =
      !count.empty() && std::all_of(count.begin(), count.end(), [](char c) { return c >= '0' && c <= '9'; });
  return digits && count.find_first_not_of('0') != count.npos && count != "1";
}

}  // namespace

void check_launch(int mpi_size, const Variables& variables) {
  if (mpi_size > 1) return;
  // The innermost launcher knows best: mpirun -n 1 inside a Slurm job of many tasks is one rank and right so.
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_NTASKS"}) {
    const auto count = variables(name);
    if (!count) continue;
    if (!is_more_than_one(*count)) return;
    throw Error(ErrorKind::recipe,
                fmt::format("this is to be a job of {} processes, but MPI knows of 1", printable(*count)))
        .with("found", fmt::format("{}={}", name, printable(*count)))
        .hint(
            "start it by the launcher of the MPI that stockpot was built with: mpirun, or srun --mpi=pmix; "
            "--allow-singletons starts all the same");
  }
}

}  // namespace stockpot::app
