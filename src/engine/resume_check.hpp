// Whether what an earlier attempt wrote is still there, bit for bit.
#pragma once

#include "comm/communicator.hpp"
#include "engine/continuation.hpp"
#include "engine/lookout.hpp"

namespace stockpot::engine {

/// Collective. Reads units back that are done, a sample of them or all, and compares them with their digests. If one of a
/// sample differs, all are read. Units that differ are revoked in rank 0's journal and are to be made again.
/// @param places  in the files of the staging directory.   @throws Error(stopped) if somebody wants the job to stop.
void check_done_units(const comm::Communicator& comm, const Stage& stage, const io::OutputPlaces& places,
                      ResumeCheck how, std::uint32_t threads, Lookout& lookout, Continuation& continuation);

}  // namespace stockpot::engine
