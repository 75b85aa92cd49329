// --trace FILE: a merge whose threads' doings end up in a file.
#pragma once

#include <cstddef>
#include <string>

#include "engine/job.hpp"

namespace stockpot::app {

class Tracing {
 public:
  /// Collective. @param out  the output; may be empty.   @param threads  most workers of a rank.   @param clock  of the
  /// program.   @throws Error alike on all ranks if a trace may not be written to `path`.
  Tracing(const comm::Communicator& comm, std::string path, const std::string& out, std::size_t threads,
          engine::RunClock& clock);
  ~Tracing();
  Tracing(const Tracing&) = delete;
  Tracing& operator=(const Tracing&) = delete;

  /// From now on what is done with these settings is noted. They do not outlive this.
  void join(engine::JobSettings& settings);

 private:
  void write(const std::string& text) const;
  std::string path_;
  engine::RunClock& clock_;
  engine::Trace trace_;
};

}  // namespace stockpot::app
