// How the program was started.
#pragma once

#include "app/environment.hpp"

namespace stockpot::app {

/// Finds "N singletons": a launcher that does not match the MPI library starts N processes that each believe to be the
/// only rank, and all would write the same output.
/// @param mpi_size   ranks that MPI knows.   @throws Error(recipe) if the launcher says that there are more.
void check_launch(int mpi_size, const Variables& variables);

}  // namespace stockpot::app
