// The ranks of an MPI test program, which mpi_main.cpp starts.
#pragma once

#include "comm/communicator.hpp"

namespace stockpot::test {

/// Every rank that the test was started with. Use EXPECT, not ASSERT, where a return on one rank would strand the rest.
const comm::Communicator& world();

}  // namespace stockpot::test
