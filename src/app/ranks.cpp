#include "app/ranks.hpp"

#include <algorithm>

#include "app/program.hpp"
#include "comm/environment.hpp"

namespace stockpot::app {

bool is_launched(const Variables& variables) {
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK", "SLURM_PROCID"}) {
    if (variables(name)) return true;
  }
  return false;
}

int run_on_ranks(const std::function<int(const comm::Communicator&)>& work) {
  if (!is_launched(process_variables())) return work(comm::Communicator::alone());
  int argc = 0;
  char** argv = nullptr;
  comm::Environment mpi(argc, argv);
  return mpi.run(work, print_error);
}

bool asks_for_help(Arguments arguments) {
  return std::any_of(arguments.begin(), arguments.end(), [](const std::string& a) { return a == "--help" || a == "-h"; });
}

}  // namespace stockpot::app
