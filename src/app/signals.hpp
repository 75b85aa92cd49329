// What signals ask a merge for. Handlers set a flag and do nothing else: MPI is not to be called from them.
//
//   SIGUSR1           stop cleanly: finish the units in flight
//   SIGTERM, SIGINT   stop now; a second one ends the program at once
//   SIGUSR2           say how far it is
#pragma once

#include "engine/reliability.hpp"

namespace stockpot::app {

/// From here on the signals are requests. Main thread, after MPI was started.
void listen_to_signals();

/// What signals have asked for so far.
engine::Stop requested_stop();
/// Whether a report was asked for since the last call.
bool take_report_request();

}  // namespace stockpot::app
