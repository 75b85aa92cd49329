// The output's tokenizer, and which row of each model's embedding belongs to which of its tokens.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/vocabulary.hpp"
#include "recipe/tokenizer_request.hpp"

namespace stockpot::tokenizer {

/// What a model's directory and configuration say of its tokenizer.
struct ModelTokenizer {
  std::string model;                             ///< canonical text of the reference
  std::string directory;                         ///< for messages
  std::optional<std::string> tokenizer;          ///< text of tokenizer.json
  std::optional<std::string> tokenizer_config;   ///< text of tokenizer_config.json
  std::optional<std::string> added_tokens = {};  ///< text of added_tokens.json
  bool model_file = false;                       ///< there is a *.model, from which tokenizer.json could be made anew
  bool other_files = false;                      ///< there are files of a tokenizer of another kind, as tokenizer.model
  std::optional<std::uint64_t> rows;             ///< tokens from this id on do not exist for the model
  bool takes_part = true;                        ///< false: only the tokenizer's source names this model
};

struct OutputTokenizer {
  struct File {
    std::string name, text;
  };
  std::size_t donor = 0;    ///< index of the model whose tokenizer files are copied, apart from those below
  std::vector<File> files;  ///< instead of the donor's files of these names
  /// Files of the donor that would contradict `files`, not to be copied: names, or "*.model" for all that end like this.
  std::vector<std::string> stale;
  OutputVocabulary vocabulary;
  /// If not all of the anchor's tokens have the ids that they had: these, ascending, and the output's id of the same
  /// text, if there is one.
  std::optional<std::vector<std::pair<std::uint64_t, std::optional<std::uint64_t>>>> token_ids;
};

/// Reports TOK001 to TOK006, TOK010, TOK011, TOK030 and TOK032 to TOK034. After an error that leaves nothing to go on
/// with the result is empty. Ids beyond a matrix of fewer rows than `rows` are for others to check.
/// @param models  in the order of MergeDocument::models().   @param anchor  index into models.
/// @throws Error(corrupt_input) for a file that TokenizerFile refuses.
OutputTokenizer build_tokenizer(const recipe::TokenizerRequest& request, std::span<const ModelTokenizer> models,
                                std::size_t anchor, recipe::Diagnostics& diagnostics);

}  // namespace stockpot::tokenizer
