#include "core/error.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <new>
#include <stdexcept>

#include "core/bytes.hpp"

namespace stockpot {
namespace {

std::string_view title(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::usage:
      return "usage";
    case ErrorKind::recipe:
      return "recipe or launch mistake";
    case ErrorKind::corrupt_input:
      return "bad input";
    case ErrorKind::numeric:
      return "numeric policy";
    case ErrorKind::output_exists:
      return "output exists";
    case ErrorKind::storage:
      return "storage error";
    case ErrorKind::no_space:
      return "no space";
    case ErrorKind::limits:
      return "does not fit";
    case ErrorKind::mismatch:
      return "verification failed";
    case ErrorKind::internal:
      return "internal error (a bug, please report it)";
    case ErrorKind::stopped:
      return "stopped";
  }
  return "error";
}

/// What to do where nobody who threw knew better.
std::string_view usual_hint(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::corrupt_input:
      return "the file may be incomplete or damaged: compare it with its source, copy it again";
    case ErrorKind::storage:
      return "look at the system's log and at the state of this file system, then run it again";
    default:
      return "";
  }
}

}  // namespace

std::string printable(std::string_view text) {
  std::string shown;
  shown.reserve(text.size());
  for (const char c : text) {
    const auto u = static_cast<unsigned char>(c);
    if (u < 0x20 || u == 0x7f) {
      shown += fmt::format("\\x{:02x}", u);
    } else {
      shown += c;
    }
  }
  return shown;
}

Error::Error(ErrorKind kind, std::string sentence) : kind_(kind), sentence_(std::move(sentence)) { render(); }

Error& Error::code(std::string_view class_code) & {
  code_ = class_code;
  render();
  return *this;
}

Error& Error::with(std::string_view name, std::string_view value) & {
  context_.emplace_back(name, value);
  render();
  return *this;
}

Error& Error::at_byte(std::uint64_t offset, std::uint64_t of_bytes) & {
  return with("byte", fmt::format("{} of {}", offset, of_bytes));
}

Error& Error::hint(std::string_view text) & {
  hint_ = text;
  render();
  return *this;
}

Error& Error::with_report(std::string text) & {
  own_report_ = std::move(text);
  render();
  return *this;
}

bool Error::has(std::string_view name) const {
  for (const auto& [key, value] : context_) {
    if (key == name) return true;
  }
  return false;
}

void Error::render() {
  if (!own_report_.empty()) {
    report_ = own_report_;
    return;
  }
  report_ =
      fmt::format("stockpot: {}{}: {}", title(kind_), code_.empty() ? "" : " [" + code_ + "]", printable(sentence_));
  for (const auto& [name, value] : context_) report_ += fmt::format("\n  {:<7} {}", name, printable(value));
  const std::string_view advice = hint_.empty() && has("file") ? usual_hint(kind_) : std::string_view(hint_);
  if (!advice.empty()) report_ += fmt::format("\n  {:<7} {}", "hint", printable(advice));
}

Error Error::current() {
  try {
    throw;
  } catch (const Error& error) {
    return error;
  } catch (const std::bad_alloc&) {
    return Error(ErrorKind::limits, "out of memory")
        .hint("give the job more memory per rank, or lower --memory-per-rank or --threads");
  } catch (const std::exception& error) {
    return Error(ErrorKind::internal, error.what());
  } catch (...) {
    return Error(ErrorKind::internal, "an exception of unknown type");
  }
}

std::string Error::pack() const {
  ByteWriter out;
  out.number(static_cast<std::uint64_t>(kind_));
  for (const auto* text : {&code_, &sentence_, &hint_, &own_report_}) out.text(*text);
  out.number(context_.size());
  for (const auto& [name, value] : context_) {
    out.text(name);
    out.text(value);
  }
  return out.take();
}

Error Error::unpack(std::string_view packed) {
  ByteReader in(packed);
  const auto kind = static_cast<ErrorKind>(in.number());
  std::string code = in.text();
  Error error(kind, in.text());
  error.code_ = std::move(code);
  error.hint_ = in.text();
  error.own_report_ = in.text();
  for (auto left = in.number(); left > 0; --left) {
    std::string name = in.text();
    error.context_.emplace_back(std::move(name), in.text());
  }
  error.render();
  return error;
}

Error system_error(int error_number, std::string_view call, std::string_view path) {
  const bool full = error_number == ENOSPC || error_number == EDQUOT || error_number == EFBIG;
  const bool too_many = error_number == EMFILE || error_number == ENFILE;
  Error error(full       ? ErrorKind::no_space
              : too_many ? ErrorKind::limits
                         : ErrorKind::storage,
              fmt::format("{} failed: {}", call, std::strerror(error_number)));
  error.in_file(path);
  if (full) error.hint("free some space or quota, or choose another output place");
  if (too_many) error.hint("raise the limit of open files (ulimit -n), or take a larger --out-shard-size");
  if (error_number == EACCES || error_number == EPERM || error_number == EROFS) {
    error.hint("check the permissions of this path and of the folders above it");
  }
  return error;
}

}  // namespace stockpot
