// The small files of a model - configuration, tokenizer, templates - wherever they are: in a folder, or only decided
// upon by an earlier stage of the same job, whose output is not there yet.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "io/model_directory.hpp"

namespace stockpot::io {

/// A small file of an output.
struct SmallFile {
  std::string name;    ///< "config.json", "additional_chat_templates/rag.jinja"
  std::string text;    ///< its bytes, unless `source` is set
  std::string source;  ///< the regular file to copy: its real path
  bool operator==(const SmallFile&) const = default;
};

class ModelFolder {
 public:
  /// Local. A model on disk: its folder, links as ModelDirectory follows them; or a single weight file, which has no
  /// small files. @throws Error as ModelDirectory.
  explicit ModelFolder(const std::string& path);

  /// What an output will have. @param shown_as  for messages: the stage's name.
  ModelFolder(std::string shown_as, std::vector<SmallFile> files);

  /// How messages should call the model.
  const std::string& shown() const { return shown_; }
  void show_as(std::string name) { shown_ = std::move(name); }
  /// How messages should call a file of it.
  std::string shown(const std::string& name) const;
  /// A single weight file: there is no folder to look into.
  bool is_single_file() const { return std::holds_alternative<std::monostate>(files_); }

  /// Ascending bytewise. Of a folder all that is in it, weights too, and further chat templates:
  /// "additional_chat_templates/NAME.jinja".
  const std::vector<std::string>& names() const { return names_; }
  bool has(const std::string& name) const;

  /// Local. The file as an output of its own would have it. @return nothing if there is none: no such name, or a link
  /// to nothing. @throws Error(corrupt_input) for a link that leads out of the model, and REF006 for a link to nothing in
  /// a hub cache: a file that was not downloaded.
  std::optional<SmallFile> file(const std::string& name) const;

  /// Local. The content. @throws Error(corrupt_input) as file(); FMT005 if it has more than 256 MiB.
  std::optional<std::string> text(const std::string& name) const;

 private:
  using Planned = std::vector<SmallFile>;  // in the order of names_

  std::string shown_;
  std::variant<std::monostate, ModelDirectory, Planned> files_;
  std::vector<std::string> names_;
};

/// Local. The bytes of a small file, from wherever they come. @throws Error(corrupt_input, FMT005) if it has more than
/// 256 MiB.
std::string content_of(const SmallFile& file);

/// The folder of further templates, each NAME.jinja in it.
inline constexpr const char* more_templates = "additional_chat_templates";

}  // namespace stockpot::io
