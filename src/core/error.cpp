#include "core/error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <optional>
#include <stdexcept>
#include <system_error>

#include "core/bytes.hpp"
#include "core/utf8.hpp"

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

/// Of C0, C1 (two bytes in UTF-8), or no UTF-8 at all.
bool is_control(std::string_view character) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(character[i]); };
  if (character.size() == 1) return byte(0) < 0x20 || byte(0) >= 0x7F;
  return character.size() == 2 && byte(0) == 0xC2 && byte(1) < 0xA0;
}

/// U+200E, U+200F, U+202A to U+202E and U+2066 to U+2069: all begin with the byte 0xE2.
std::optional<unsigned> turning_character(std::string_view character) {
  if (character.size() != 3 || character[0] != '\xE2') return std::nullopt;
  const auto bits = [&](std::size_t i) { return static_cast<unsigned char>(character[i]) & 0x3Fu; };
  const unsigned code = 0x2000u | bits(1) << 6 | bits(2);
  const bool turns =
      code == 0x200E || code == 0x200F || (code >= 0x202A && code <= 0x202E) || (code >= 0x2066 && code <= 0x2069);
  return turns ? std::optional(code) : std::nullopt;
}

}  // namespace

std::string printable(std::string_view text) {
  std::string shown;
  shown.reserve(text.size());
  while (!text.empty()) {
    const std::string_view character = text.substr(0, std::max<std::size_t>(character_bytes(text), 1));
    if (const auto turning = turning_character(character)) {
      shown += fmt::format("\\u{:04x}", *turning);
    } else if (is_control(character)) {
      for (const char c : character) shown += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      shown += character;
    }
    text.remove_prefix(character.size());
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

Error& Error::with_parts(std::vector<Remark> parts) & {
  parts_ = std::move(parts);
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
  if (!parts_.empty()) {
    report_ = to_text(parts_);
    return;
  }
  report_ =
      fmt::format("stockpot: {}{}: {}", title(kind_), code_.empty() ? "" : " [" + code_ + "]", printable(sentence_));
  for (const auto& [name, value] : context_) report_ += fmt::format("\n  {:<7} {}", name, printable(value));
  const std::string_view advice = hint_.empty() && has("file") ? usual_hint(kind_) : std::string_view(hint_);
  if (!advice.empty()) report_ += fmt::format("\n  {:<7} {}", "hint", printable(advice));
}

std::vector<Remark> Error::remarks() const {
  if (!parts_.empty()) return parts_;
  Remark whole{.severity = Severity::error,
               .code = code_,
               .file = {},
               .message = sentence_,
               .help = hint_,
               .facts = context_,
               .shown = report_};
  const auto file = std::ranges::find(context_, "file", [](const auto& fact) { return fact.first; });
  if (file != context_.end()) whole.file = file->second;
  return {std::move(whole)};
}

Error Error::current() {
  try {
    throw;
  } catch (const Error& error) {
    return error;
  } catch (const std::bad_alloc&) {
    return Error(ErrorKind::limits, "out of memory")
        .hint("give the job more memory per rank, or lower --memory-per-rank or --threads");
  } catch (const std::system_error& error) {  // of streams and file systems, which no call of ours has looked at
    return Error(system_error(error.code().value(), "", "").kind(), error.what());
  } catch (const std::exception& error) {
    return Error(ErrorKind::internal, error.what());
  } catch (...) {
    return Error(ErrorKind::internal, "an exception of unknown type");
  }
}

std::string Error::pack() const {
  ByteWriter out;
  out.number(static_cast<std::uint64_t>(kind_));
  for (const auto* text : {&code_, &sentence_, &hint_}) out.text(*text);
  out.text(stockpot::pack(parts_));
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
  error.parts_ = unpack_remarks(in.text());
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
