// The one exception type. Thrown where a fact is known, given context on the way up, printed by main() alone.
#pragma once

#include <cstdint>
#include <exception>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/remark.hpp"

namespace stockpot {

/// What went wrong, as far as the exit code is concerned. The values are the exit codes that users' scripts rely on.
enum class ErrorKind : int {
  usage = 2,          ///< the command line
  recipe = 3,         ///< recipe, environment or launch mistake
  corrupt_input = 4,  ///< input missing, corrupt, or inconsistent between models
  numeric = 5,        ///< non-finite values, overflow on the final cast
  output_exists = 6,  ///< output exists, or a live run owns it
  storage = 7,        ///< EIO, short transfer, unwritable place
  no_space = 8,       ///< disk full or quota
  limits = 9,         ///< does not fit memory, descriptors or time
  mismatch = 10,      ///< verification found other bytes
  internal = 70,      ///< a bug of ours
  stopped = 75,       ///< stopped on request
};

/// Text in which control characters and bytes that are not UTF-8 are shown as \xNN, and characters that turn the
/// direction of writing as \uNNNN, so that a name from a file can neither steer a terminal nor look like another.
std::string printable(std::string_view text);

/// An error with its context: a sentence, then named facts in the order in which they were added, then a hint.
///
/// Report, as main() prints it:
///   stockpot: corrupt input [FMT007]: tensor data runs past the end of its shard
///     file    /models/base/model-00003-of-00030.safetensors
///     tensor  model.layers.7.mlp.up_proj.weight
///     hint    the shard looks truncated: compare its size with the index and copy it again
class Error : public std::exception {
 public:
  Error(ErrorKind kind, std::string sentence);

  Error& code(std::string_view class_code) &;  ///< the class of formats and recipes: FMT024, CFG041 ...
  Error& with(std::string_view name, std::string_view value) &;
  Error& in_file(std::string_view path) & { return with("file", path); }
  Error& in_tensor(std::string_view name) & { return with("tensor", name); }
  Error& in_model(std::string_view name) & { return with("model", name); }
  Error& at_byte(std::uint64_t offset, std::uint64_t of_bytes) &;
  Error& hint(std::string_view text) &;
  /// Replaces the generated report: for several mistakes that were collected and are shown together.
  Error& with_parts(std::vector<Remark> parts) &;

  Error&& code(std::string_view c) && { return std::move(code(c)); }
  Error&& with(std::string_view n, std::string_view v) && { return std::move(with(n, v)); }
  Error&& in_file(std::string_view path) && { return std::move(with("file", path)); }
  Error&& in_tensor(std::string_view name) && { return std::move(with("tensor", name)); }
  Error&& in_model(std::string_view name) && { return std::move(with("model", name)); }
  Error&& at_byte(std::uint64_t offset, std::uint64_t of_bytes) && { return std::move(at_byte(offset, of_bytes)); }
  Error&& hint(std::string_view text) && { return std::move(hint(text)); }
  Error&& with_parts(std::vector<Remark> parts) && { return std::move(with_parts(std::move(parts))); }

  ErrorKind kind() const { return kind_; }
  int exit_code() const { return static_cast<int>(kind_); }
  const std::string& class_code() const { return code_; }
  const std::string& sentence() const { return sentence_; }
  const std::string& hint() const { return hint_; }
  const std::vector<std::pair<std::string, std::string>>& context() const { return context_; }
  bool has(std::string_view name) const;
  /// What it consists of: its parts, or itself as one.
  std::vector<Remark> remarks() const;
  /// The whole report, several lines, without a line end at the end.
  const char* what() const noexcept override { return report_.c_str(); }

  /// The exception being handled, as an Error; anything that is not one becomes ErrorKind::internal.
  static Error current();
  /// A byte string that unpack() turns into an equal Error on another rank.
  std::string pack() const;
  static Error unpack(std::string_view packed);

 private:
  void render();
  ErrorKind kind_;
  std::string code_, sentence_, hint_;
  std::vector<Remark> parts_;
  std::vector<std::pair<std::string, std::string>> context_;
  std::string report_;
};

/// The error for a failed system call: the kind follows errno (ENOSPC and EDQUOT are no_space, else storage).
Error system_error(int error_number, std::string_view call, std::string_view path);

}  // namespace stockpot
