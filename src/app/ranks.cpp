#include "app/ranks.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>

#include "app/log.hpp"
#include "comm/agree.hpp"
#include "comm/environment.hpp"

namespace stockpot::app {

bool is_launched(const Variables& variables) {
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK", "SLURM_PROCID"}) {
    if (variables(name)) return true;
  }
  return false;
}

namespace {

/// Output files stay open until they are synced: a model may have a thousand. The soft limit is often no more than
/// that.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

int run_on_ranks(const std::function<int(const comm::Communicator&)>& work) {
  std::signal(SIGXFSZ, SIG_IGN);
  std::signal(SIGPIPE, SIG_IGN);
  // A scheduler's warning and a question how far it is mean nothing to commands that end soon; a merge listens.
  std::signal(SIGUSR1, SIG_IGN);
  std::signal(SIGUSR2, SIG_IGN);
  raise_descriptor_limit();
  const auto checked = [&](const comm::Communicator& comm) {
    comm::agree(comm, [] { check_variable_names(process_variable_names()); });
    return work(comm);
  };
  if (!is_launched(process_variables())) {
    const comm::Communicator alone = comm::Communicator::alone();
    alone.be_patient({.give_up = [](const Error& error) {
      print_error(error);
      std::_Exit(error.exit_code());
    }});
    return checked(alone);
  }
  int argc = 0;
  char** argv = nullptr;
  comm::Environment mpi(argc, argv);
  return mpi.run(checked, print_error);
}

bool asks_for_help(Arguments arguments) {
  return std::any_of(arguments.begin(), arguments.end(),
                     [](const std::string& a) { return a == "--help" || a == "-h"; });
}

}  // namespace stockpot::app
