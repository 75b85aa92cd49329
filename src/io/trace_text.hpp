// Timelines in the form that chrome://tracing and Perfetto show: JSON, "Trace Event Format".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/range.hpp"

namespace stockpot::io {

/// What a thread did for a while. Texts belong to others.
struct TraceEvent {
  std::string_view name;
  std::int64_t begin = 0, duration = 0;  ///< nanoseconds
  std::string_view stage;                ///< may be empty, as may be the tensor; then the range means nothing
  std::string_view tensor;
  ElementRange range;
};

/// The text of a trace file. Ranks are its processes.
class TraceText {
 public:
  TraceText();
  void name_rank(std::uint64_t rank, std::string_view name);
  void name_thread(std::uint64_t rank, std::uint64_t thread, std::string_view name);
  void add(std::uint64_t rank, std::uint64_t thread, const TraceEvent& event);
  /// Once, at the end.
  std::string take();

 private:
  void add_name(std::string_view what, std::uint64_t rank, std::uint64_t thread, std::string_view name);
  void begin_entry();
  std::string text_;
  bool is_first_ = true;
};

/// Local. Whether a trace may be written to `path`.
/// @param out  the output, which need not exist; may be empty.
/// @throws Error(usage, OPT012) if there is no such directory, or it lies in the output or in its staging directory;
///         Error(output_exists) if something is there that is no trace of this program.
void check_trace_path(const std::string& path, const std::string& out);

}  // namespace stockpot::io
