#include "comm/environment.hpp"

#include <mpi.h>

namespace stockpot::comm {

Environment::Environment(int& argc, char**& argv) {
  int provided = MPI_THREAD_SINGLE;
  MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided);
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  if (provided < MPI_THREAD_FUNNELED) {
    throw Error(ErrorKind::recipe, "this MPI does not support programs with worker threads (MPI_THREAD_FUNNELED)");
  }
}

Environment::~Environment() { MPI_Finalize(); }

int Environment::run(const std::function<int(const Communicator&)>& work,
                     const std::function<void(const Error&)>& report) {
  const Communicator world = Communicator::world();
  world.be_patient({.give_up = [&](const Error& error) {
    report(error);
    MPI_Abort(MPI_COMM_WORLD, error.exit_code());
  }});
  try {
    return work(world);
  } catch (...) {
    const Error error = Error::current();
    if (!world.failing_together()) {
      report(error);
      MPI_Abort(MPI_COMM_WORLD, error.exit_code());
    }
    if (world.is_root()) report(error);
    // Collective: also the barrier that lets rank 0 report first.
    if (world.max(world.ends_by_abort() ? 1 : 0) != 0) MPI_Abort(MPI_COMM_WORLD, error.exit_code());
    return error.exit_code();
  }
}

}  // namespace stockpot::comm
