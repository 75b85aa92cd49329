// File calls that fail on purpose, for tests. Compiled in builds with STOCKPOT_FAULTS only.
//
//   STOCKPOT_FAULT="CALL[:rank=R][:nth=N][:times=K][:path=TEXT]:WHAT; ..."
//   STOCKPOT_FAULT="trace=FILE"
//   STOCKPOT_FAULT="rate=SIZE"
//
//   CALL   a function of FileCalls, or any (all of them), or change (all but pread, lseek, locks, close and opening for reading)
//          Of open, pread and pwrite also those with O_DIRECT alone: open_direct, pread_direct, pwrite_direct
//   rank   the rank that it happens on; default: all         nth    from the N-th such call on, counted from 1 per rank
//   times  so many calls; default 1, 0: all from there on     path   only calls whose path holds TEXT
//   WHAT   an errno (EIO, ENOSPC, EDQUOT, ESTALE, EINTR, EINVAL, EOPNOTSUPP, EXDEV, ETIMEDOUT, EACCES, ENOENT):
//          the call fails and does nothing
//          short  a transfer moves half of its bytes            zero   a read finds the end of the file
//          few    a transfer moves some of its bytes, 1 to all: other numbers from call to call. Both by whole 4 KiB
//                 with O_DIRECT
//          flip   a transfer succeeds with one bit changed      lost   the call does nothing and says that it succeeded
//          stop   the process stops (SIGSTOP) before the call   slow   the call waits for 0.3 s first; lag: for 20 ms
//          hang   the call never ends
//          kill   the process ends before the call: _exit, without any destructor
//          after  the process ends after the call
//
// trace appends a line "RANK NUMBER CALL PATH" to FILE for each call: the points at which a process may be killed.
// rate makes each rank's reads and writes share a link of so many bytes per second: the storage of a larger machine.
#pragma once

#include "io/file_calls.hpp"

namespace stockpot::io::faults {

/// Reads STOCKPOT_FAULT once. @throws Error(usage) if it makes no sense.
FileCalls& calls_of_this_process();

}  // namespace stockpot::io::faults
