// What a user is told beside the result: a decision, a warning, a mistake, each with its place.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace stockpot {

enum class Severity { info, warning, error };

/// "info", "warning", "error".
std::string_view name(Severity severity);

/// One thing to be told. Infos say what was decided; --strict makes errors of warnings, not of them.
struct Remark {
  Severity severity = Severity::warning;
  std::string code;                                        ///< "CFG041"; may be empty
  std::string file;                                        ///< where it is; may be empty
  int line = 0;                                            ///< from 1; 0: no place in the file
  int column = 0;                                          ///< from 1, in characters
  std::string message;                                     ///< one sentence
  std::string help;                                        ///< what to do; may be empty
  std::vector<std::pair<std::string, std::string>> facts;  ///< what else is known: {"tensor", "model.norm.weight"} ...
  std::string shown;                                       ///< how a terminal shows it, if not as below
  bool operator==(const Remark&) const = default;
};

/// How it reads, without a line end at the end and with control characters shown: `shown`, or
///   cfg.yml:7:15: warning[CFG046]: filter 'mpl' matches no tensor
///      = help: did you mean 'mlp'?
std::string to_text(const Remark& remark);

/// A remark without a place from a line such as "ARC032: there is no place for ...": a code, if it begins with one, and a
/// message.
Remark remark_of(std::string_view line, Severity severity = Severity::warning);

/// The same about something that has a name: "org/b: ...".
Remark remark_about(std::string_view name, std::string_view line, Severity severity = Severity::warning);

/// The texts, one below the other.
std::string to_text(const std::vector<Remark>& remarks);

/// At most `most` of them, errors rather than others, in their order; then one that says how many are left out.
/// @param of  "of TEN004", to follow "... and 3 more".
std::vector<Remark> first_of(std::vector<Remark> remarks, std::size_t most, std::string_view of = "");

bool has_warnings(const std::vector<Remark>& remarks);

/// A byte string that unpack_remarks() turns into equal remarks on another rank.
std::string pack(const std::vector<Remark>& remarks);
std::vector<Remark> unpack_remarks(std::string_view packed);

}  // namespace stockpot
