#include "io/trace_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <span>
#include <utility>

#include "core/error.hpp"
#include "core/version.hpp"
#include "io/file_system.hpp"
#include "io/folder.hpp"
#include "io/output_place.hpp"
#include "io/posix_file.hpp"

namespace stockpot::io {
namespace {

namespace fs = std::filesystem;

/// What our traces begin with, and nothing else does.
constexpr std::string_view opening = R"({"displayTimeUnit":"ms","otherData":{"program":"stockpot","version":)";

std::string quoted(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

double microseconds(std::int64_t nanoseconds) { return static_cast<double>(nanoseconds) / 1e3; }

bool is_trace(const std::string& path) {
  const PosixSource file(path);
  std::string head(std::min<std::uint64_t>(opening.size(), file.size()), '\0');
  file.read_at(0, std::as_writable_bytes(std::span(head)));
  return head == opening;
}

/// Without links as far as it exists, and without a slash at its end.
fs::path resolved(const fs::path& path) {
  const fs::path whole = fs::weakly_canonical(fs::absolute(path));
  return whole.has_filename() ? whole : whole.parent_path();
}

bool is_in_output(const fs::path& path, const std::string& out) {
  if (out.empty()) return false;
  const fs::path place = resolved(out);
  return lies_in(path, place) || lies_in(path, place.string() + staging_suffix);
}

}  // namespace

TraceText::TraceText() : text_(fmt::format("{}{}}},\"traceEvents\":[", opening, quoted(version))) {}

void TraceText::begin_entry() { text_ += std::exchange(is_first_, false) ? "\n" : ",\n"; }

void TraceText::add_name(std::string_view what, std::uint64_t rank, std::uint64_t thread, std::string_view name) {
  begin_entry();
  text_ += fmt::format(R"({{"ph":"M","name":"{}","pid":{},"tid":{},"args":{{"name":{}}}}})", what, rank, thread,
                       quoted(name));
}

void TraceText::name_rank(std::uint64_t rank, std::string_view name) { add_name("process_name", rank, 0, name); }
void TraceText::name_thread(std::uint64_t rank, std::uint64_t thread, std::string_view name) {
  add_name("thread_name", rank, thread, name);
}

void TraceText::add(std::uint64_t rank, std::uint64_t thread, const TraceEvent& event) {
  begin_entry();
  text_ += fmt::format(R"({{"ph":"X","name":{},"pid":{},"tid":{},"ts":{:.3f},"dur":{:.3f},"args":{{)",
                       quoted(event.name), rank, thread, microseconds(event.begin), microseconds(event.duration));
  if (!event.stage.empty()) text_ += fmt::format(R"("stage":{})", quoted(event.stage));
  if (!event.tensor.empty()) {
    text_ += fmt::format(R"({}"tensor":{},"first":{},"count":{})", event.stage.empty() ? "" : ",", quoted(event.tensor),
                         event.range.first, event.range.count);
  }
  text_ += "}}";
}

std::string TraceText::take() { return std::move(text_) + "\n]}\n"; }

void check_trace_path(const std::string& path, const std::string& out) {
  const fs::path parent = fs::path(path).has_parent_path() ? fs::path(path).parent_path() : fs::path(".");
  const auto refused = [&](std::string why) {
    return Error(ErrorKind::usage, fmt::format("--trace: {}", why)).code("OPT012").in_file(path);
  };
  with_file_system_errors([&] {
    if (!fs::is_directory(parent)) throw refused("there is no such directory");
    if (is_in_output(resolved(parent) / fs::path(path).filename(), out)) {
      throw refused("it may not lie in the output").hint("an output holds what its manifest says, and nothing else");
    }
    if (!fs::exists(path) || (fs::is_regular_file(path) && is_trace(path))) return;
    throw Error(ErrorKind::output_exists, "--trace: something is there already, and it is no trace").in_file(path);
  });
}

}  // namespace stockpot::io
