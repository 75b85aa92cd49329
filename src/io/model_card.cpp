#include "io/model_card.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.hpp"
#include "core/version.hpp"
#include "io/hub_cache.hpp"
#include "io/shown_reference.hpp"
#include "io/small_file.hpp"

namespace stockpot::io {
namespace {

std::vector<ModelCard::Model> all_models(const ModelCard& card) {
  std::vector<ModelCard::Model> all = card.base;
  all.insert(all.end(), card.models.begin(), card.models.end());
  return all;
}

std::string front_matter(const ModelCard& card) {
  std::vector<std::string> ids;
  for (const auto& model : all_models(card)) {
    for (const std::string& id : model.hub_ids) {
      if (std::find(ids.begin(), ids.end(), id) == ids.end()) ids.push_back(id);
    }
  }
  std::string text = "---\n";
  if (!ids.empty()) text += "base_model:\n";
  for (const std::string& id : ids) text += fmt::format("- {}\n", id);
  return text + "library_name: transformers\ntags:\n- stockpot\n- mergekit\n- merge\n---\n";
}

/// As a link if the model itself is on the hub, else as code, which Markdown leaves alone.
std::string model_text(const ModelCard::Model& model) {
  const std::string shown = printable(shown_reference(model.reference));
  const std::string path = model.reference.substr(0, model.reference.find_first_of("@+*"));
  const bool is_on_hub = !model.hub_ids.empty() && path == model.hub_ids.front();
  if (!is_on_hub) return fmt::format("`{}`", shown);
  return fmt::format("[{}](https://huggingface.co/{})", shown, model.hub_ids.front());
}

std::string source_text(const std::string& source) {
  constexpr std::string_view arxiv = "arXiv:";
  if (!source.starts_with(arxiv)) return source;
  return fmt::format("[{}](https://arxiv.org/abs/{})", source, source.substr(arxiv.size()));
}

std::string methods_text(const std::vector<ModelCard::Method>& methods) {
  std::string text;
  for (const auto& method : methods) {
    text += fmt::format("{}`{}`", text.empty() ? "" : ", ", method.name);
    if (!method.source.empty()) text += fmt::format(" ({})", source_text(method.source));
  }
  return text;
}

std::string without_private_paths(const ModelCard& card) {
  std::vector<std::string> paths;
  for (const auto& model : all_models(card)) {
    for (std::string& path : private_paths(model.reference)) paths.push_back(std::move(path));
  }
  // Longest first: one of them may be the directory that another lies in.
  std::sort(paths.begin(), paths.end(), [](const auto& a, const auto& b) { return a.size() > b.size(); });
  std::string text = card.recipe;
  for (const std::string& path : paths) {
    const std::string shown = shown_reference(path);
    for (auto at = text.find(path); at != std::string::npos; at = text.find(path, at + shown.size())) {
      text.replace(at, path.size(), shown);
    }
  }
  return without_directories(text);
}

/// A block that the text in it cannot end: its fence is longer than any run of backticks there.
std::string fenced(const std::string& text) {
  std::size_t longest = 2, run = 0;
  for (const char c : text) {
    run = c == '`' ? run + 1 : 0;
    longest = std::max(longest, run);
  }
  const std::string fence(longest + 1, '`');
  return fmt::format("{}yaml\n{}{}{}\n", fence, text, text.ends_with('\n') ? "" : "\n", fence);
}

}  // namespace

ModelCard::Model card_model(const std::string& reference, std::span<const std::string> directories) {
  ModelCard::Model model{reference};
  for (std::string& id : hub_ids(reference)) {
    const auto is_of_it = [&](const std::string& directory) { return is_snapshot_of(id, directory); };
    if (std::any_of(directories.begin(), directories.end(), is_of_it)) model.hub_ids.push_back(std::move(id));
  }
  return model;
}

std::string to_markdown(const ModelCard& card) {
  std::string text = front_matter(card);
  text += fmt::format("# {}\n\nMerged by Stockpot {}.\n\n", printable(card.title), version);
  text += fmt::format("## Method{}\n\n", card.methods.size() > 1 ? "s" : "") + methods_text(card.methods);
  for (const auto& base : card.base) text += fmt::format(", with {} as base", model_text(base));
  text += "\n\n## Models\n\n";
  for (const auto& model : card.models) text += fmt::format("- {}\n", model_text(model));
  return text + "\n## Recipe\n\n" + fenced(without_private_paths(card));
}

void write_model_card(const ModelCard& card, const std::string& directory) {
  write_file(directory + "/README.md", to_markdown(card));
  write_file(directory + "/" + card.recipe_name, card.recipe);
}

}  // namespace stockpot::io
