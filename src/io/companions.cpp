#include "io/companions.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <span>
#include <string_view>

#include "io/config_edits.hpp"
#include "io/file_system.hpp"
#include "io/json.hpp"
#include "io/json_text.hpp"
#include "io/model_code.hpp"
#include "io/small_file.hpp"

namespace stockpot::io {
namespace {

namespace fs = std::filesystem;

constexpr const char* config_file = "config.json";
constexpr const char* generation_file = "generation_config.json";
constexpr const char* template_file = "chat_template.jinja";
constexpr std::array companion_files{"preprocessor_config.json", "processor_config.json",
                                     "video_preprocessor_config.json"};
constexpr std::array tokenizer_files{"tokenizer.json",
                                     "tokenizer_config.json",
                                     "special_tokens_map.json",
                                     "tokenizer.model",
                                     "added_tokens.json",
                                     "merges.txt",
                                     "vocab.json",
                                     "vocab.txt",
                                     "spiece.model",
                                     "tekken.json",
                                     "sentencepiece.bpe.model",
                                     template_file,
                                     "chat_template.json",
                                     "normalizer.json"};
constexpr std::array vocabulary_files{"tokenizer.json", "vocab.json", "vocab.txt"};
constexpr std::array json_files_with_template{"tokenizer_config.json", "chat_template.json"};
constexpr std::array files_that_name_code{"config.json", "preprocessor_config.json", "processor_config.json",
                                          "video_preprocessor_config.json"};
constexpr std::array tokenizer_files_that_name_code{"tokenizer_config.json"};

/// Vocabularies that each model calls as it likes: tiktoken.model, qwen.tiktoken, source.spm.
bool is_vocabulary(std::string_view name) {
  constexpr std::array<std::string_view, 3> endings{".model", ".tiktoken", ".spm"};
  return std::any_of(endings.begin(), endings.end(), [&](std::string_view ending) { return name.ends_with(ending); });
}

/// A pattern is a name, or an asterisk and an ending.
bool matches_any(std::string_view name, const std::vector<std::string>& patterns) {
  return std::any_of(patterns.begin(), patterns.end(), [&](std::string_view pattern) {
    return pattern.starts_with('*') ? name.ends_with(pattern.substr(1)) : name == pattern;
  });
}

/// What only its ending tells from others may be anything, weights too.
bool is_small_file(const SmallFile& file) {
  return file.source.empty() || with_file_system_errors([&] {
           return fs::is_regular_file(file.source) && fs::file_size(file.source) <= max_json_bytes;
         });
}

class Planner {
 public:
  Planner(const ModelFolder& anchor, const CompanionRequest& request) : anchor_(anchor), request_(request) {}

  Companions plan() && {
    for (const char* name : companion_files) copy(anchor_, name);
    plan_config();
    plan_generation_config();
    if (request_.tokenizer) {
      plan_tokenizer(*request_.tokenizer);
    } else if (request_.copy_tokenizer) {
      copy_tokenizer(anchor_, {});
      if (!has_tokenizer() && !anchor_.is_single_file()) {
        warn("TOK052: {} has no tokenizer to copy; the weights are good without", anchor_.shown());
      }
    }
    if (request_.chat_template) plan_chat_template(*request_.chat_template);
    plan_code(anchor_, files_that_name_code);
    if (tokenizer_from_ != nullptr) plan_code(*tokenizer_from_, tokenizer_files_that_name_code);
    std::sort(result_.files.begin(), result_.files.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
    return std::move(result_);
  }

 private:
  template <typename... Values>
  void warn(fmt::format_string<Values...> format, Values&&... values) {
    result_.warnings.push_back(fmt::format(format, std::forward<Values>(values)...));
  }

  SmallFile* find(std::string_view name) {
    const auto file = std::find_if(result_.files.begin(), result_.files.end(),
                                   [&](const SmallFile& known) { return known.name == name; });
    return file == result_.files.end() ? nullptr : &*file;
  }

  void make(std::string_view name, std::string text) {
    SmallFile made{std::string(name), std::move(text), {}};
    if (SmallFile* file = find(name)) {
      *file = std::move(made);
    } else {
      result_.files.push_back(std::move(made));
    }
  }

  /// A file that is there; a link to nothing is warned of.
  std::optional<SmallFile> file_of(const ModelFolder& from, const std::string& name) {
    auto file = from.file(name);
    if (!file && from.has(name)) warn("REF006: {} is a link to nothing, and left out", from.shown(name));
    return file;
  }

  void copy(const ModelFolder& from, const std::string& name) {
    if (auto file = file_of(from, name)) result_.files.push_back(std::move(*file));
  }

  void plan_config() {
    if (const auto text = anchor_.text(config_file)) {
      make(config_file, edited_config(*text, request_.config, anchor_.shown(config_file), result_.warnings));
      return;
    }
    if (anchor_.is_single_file()) {
      warn("{} is a single file: the output gets no configuration{}", anchor_.shown(),
           request_.tokenizer ? "" : " and no tokenizer");
    } else {
      warn("{} has no config.json: programs that load the output will ask for one", anchor_.shown());
    }
    const std::vector<std::string> needed = needed_edits(request_.config);
    for (const std::string& edit : needed) warn("ARC032: there is no config.json in which to say {}", edit);
  }

  void plan_generation_config() {
    const auto text = request_.config.token_ids ? anchor_.text(generation_file) : std::nullopt;
    if (!text) return copy(anchor_, generation_file);
    make(generation_file,
         edited_generation_config(*text, request_.config, anchor_.shown(generation_file), result_.warnings));
  }

  void plan_tokenizer(const CompanionRequest::Tokenizer& tokenizer) {
    std::vector<std::string> left_out = tokenizer.not_copied;
    for (const auto& [name, text] : tokenizer.made) {
      make(name, text);
      left_out.push_back(name);
    }
    if (tokenizer.donor != nullptr) copy_tokenizer(*tokenizer.donor, left_out);
  }

  void copy_tokenizer(const ModelFolder& donor, const std::vector<std::string>& left_out) {
    tokenizer_from_ = &donor;
    for (const char* name : tokenizer_files) {
      if (!matches_any(name, left_out)) copy(donor, name);
    }
    for (const std::string& name : donor.names()) {
      if (matches_any(name, left_out)) continue;
      if (name.starts_with(std::string(more_templates) + '/')) copy(donor, name);
      const bool is_done = std::ranges::find(tokenizer_files, name) != tokenizer_files.end();
      if (is_vocabulary(name) && !is_done) copy_if_small(donor, name);
    }
  }

  bool has_tokenizer() {
    return std::any_of(result_.files.begin(), result_.files.end(), [](const SmallFile& file) {
      const auto is_name = [&](std::string_view name) { return name == file.name; };
      return is_vocabulary(file.name) || std::any_of(vocabulary_files.begin(), vocabulary_files.end(), is_name);
    });
  }

  /// Of a file that no list names.
  void copy_if_small(const ModelFolder& from, const std::string& name) {
    if (find(name) != nullptr) return;
    auto file = file_of(from, name);
    if (file && is_small_file(*file)) result_.files.push_back(std::move(*file));
  }

  /// All modules of a folder whose configuration wants one of them: they import each other.
  void plan_code(const ModelFolder& from, std::span<const char* const> configurations) {
    bool is_wanted = false;
    for (const char* name : configurations) {
      const SmallFile* const file = find(name);
      if (file == nullptr) continue;
      for (const std::string& module : own_modules(content_of(*file), from.shown(name))) {
        is_wanted = true;
        if (from.has(module + ".py")) continue;
        warn("ARC033: {} wants code from {}.py, which is not there", from.shown(name), module);
      }
    }
    for (const std::string& name : from.names()) {
      if (is_wanted && name.ends_with(".py")) copy_if_small(from, name);
    }
  }

  /// Into each file in which some generation of readers looks for it.
  void plan_chat_template(const std::string& text) {
    if (!has_tokenizer()) {
      warn("TOK051: the output has no tokenizer: its chat template is not written");
      return;
    }
    if (find("tokenizer_config.json") == nullptr) make("tokenizer_config.json", "{}");
    for (const char* name : json_files_with_template) {
      const SmallFile* file = find(name);
      if (file == nullptr) continue;
      const std::string& shown = file->source.empty() ? file->name : file->source;
      JsonText json = parse_json_object(content_of(*file), shown, "FMT022");
      json.set("chat_template", JsonText::text(text));
      make(name, json.dump() + '\n');
    }
    make(template_file, text);
  }

  const ModelFolder& anchor_;
  const CompanionRequest& request_;
  const ModelFolder* tokenizer_from_ = nullptr;  // nothing: none is copied
  Companions result_;
};

}  // namespace

Companions plan_companions(const ModelFolder& anchor, const CompanionRequest& request) {
  return Planner(anchor, request).plan();
}

void write_companions(const Companions& companions, const std::string& directory) {
  for (const SmallFile& file : companions.files) {
    const fs::path path = fs::path(directory) / file.name;
    with_file_system_errors([&] { fs::create_directories(path.parent_path()); });
    write_file(path.string(), content_of(file));
  }
}

}  // namespace stockpot::io
