// Descriptors 0 to 2 of this process.
#pragma once

namespace stockpot::app {

/// Opens /dev/null in place of standard streams that the program was started without (`2>&-`, some daemons): else the
/// next file that is opened, a shard of the output, gets their number, and log lines go into it. First thing in main().
void open_missing_streams();

}  // namespace stockpot::app
