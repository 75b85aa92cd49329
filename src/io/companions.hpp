// The files beside the weights that make a checkpoint loadable: configuration, tokenizer, chat template, processors.
// All are decided upon before any is written: a later stage of the job reads them from the plan (ModelFolder).
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/config_edits.hpp"
#include "io/model_folder.hpp"

namespace stockpot::io {

struct CompanionRequest {
  /// A tokenizer that is not simply the anchor's.
  struct Tokenizer {
    std::vector<std::pair<std::string, std::string>> made;  ///< files by name: their texts
    const ModelFolder* donor = nullptr;                     ///< whose other tokenizer files are copied; may be none
    std::vector<std::string> not_copied;                    ///< stale beside the made files: names, or "*.model"
  };
  ConfigEdits config = {};
  bool copy_tokenizer = true;  ///< the anchor's; means nothing if `tokenizer` is set
  std::optional<Tokenizer> tokenizer = {};
  std::optional<std::string> chat_template = {};  ///< UTF-8; nothing: that of the tokenizer's donor
};

struct Companions {
  std::vector<SmallFile> files;       ///< ascending by name
  std::vector<std::string> warnings;  ///< no configuration; TOK051 (template without tokenizer), TOK052 (no tokenizer),
                                      ///< ARC033 (code that is not there), and those of edited_config()
};

/// Local. Reads what has to be edited; the rest is copied when it is written.
/// @throws Error(corrupt_input) for files that cannot be edited, and links that lead out of their model.
Companions plan_companions(const ModelFolder& anchor, const CompanionRequest& request);

/// Local. Makes all of them in `directory`, as regular files, synced.
void write_companions(const Companions& companions, const std::string& directory);

}  // namespace stockpot::io
