#include "app/tracing.hpp"

#include <fmt/format.h>

#include <utility>

#include "app/log.hpp"
#include "comm/agree.hpp"
#include "io/small_file.hpp"
#include "io/trace_text.hpp"

namespace stockpot::app {
namespace {

/// Before hours of work.
std::string checked(const comm::Communicator& comm, std::string path, const std::string& out) {
  comm::agree(comm, [&] {
    if (comm.is_root()) io::check_trace_path(path, out);
  });
  return path;
}

}  // namespace

Tracing::Tracing(const comm::Communicator& comm, std::string path, const std::string& out, std::size_t threads,
                 engine::RunClock& clock)
    : path_(checked(comm, std::move(path), out)), clock_(clock), trace_(comm, threads) {
  clock_.show_on(&trace_);
}

Tracing::~Tracing() { clock_.show_on(nullptr); }

void Tracing::join(engine::JobSettings& settings) {
  settings.options.trace = &trace_;
  settings.on_traced = [this](const std::string& text) { write(text); };
}

/// Rank 0. The output is published by now: a trace that cannot be written does not make the merge a failure.
void Tracing::write(const std::string& text) const {
  try {
    io::replace_file(path_, text);
  } catch (const Error& error) {
    log_warnings({fmt::format("--trace: {} is not written: {}", path_, error.sentence())}, 0);
  }
}

}  // namespace stockpot::app
