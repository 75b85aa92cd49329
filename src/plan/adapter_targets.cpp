#include "plan/adapter_targets.hpp"

#include <algorithm>

#include "plan/head_names.hpp"
#include "plan/shapes.hpp"

namespace stockpot::plan {
namespace {

constexpr std::size_t max_removed = 3;  // components
constexpr std::size_t max_added = 3;

std::size_t components(std::string_view name) {
  return static_cast<std::size_t>(std::count(name.begin(), name.end(), '.')) + 1;
}

bool has(std::span<const StoredTensor> stored, std::string_view name) {
  return std::ranges::binary_search(stored, name, {},
                                    [](const StoredTensor& t) { return std::string_view(t.info.name); });
}

/// What heads are known by; empty if the name is no head's.
std::string_view head_ending(std::string_view name) {
  const auto at = std::ranges::find_if(
      head_names, [&](const std::string_view& ending) { return ends_with_any(name, std::span(&ending, 1)); });
  return at == head_names.end() ? std::string_view() : *at;
}

/// Whether a model has a head of that kind anywhere.
bool has_head(std::span<const StoredTensor> stored, std::string_view ending) {
  return std::ranges::any_of(stored, [&](const StoredTensor& t) { return head_ending(t.info.name) == ending; });
}

bool fits(std::span<const StoredTensor> stored, const RootEdit& edit, const std::vector<std::string>& targets) {
  return std::ranges::all_of(targets, [&](const std::string& target) {
    if (stored_name(stored, edit, target)) return true;
    const std::string_view ending = head_ending(target);
    return !ending.empty() && !has_head(stored, ending);
  });
}

/// Heads stand beside the model that a root names: "language_model.lm_head" beside "language_model.model".
std::optional<std::string> head_beside(std::span<const StoredTensor> stored, std::string_view root,
                                       std::string_view target) {
  const std::string_view ending = head_ending(target);
  while (!ending.empty()) {
    std::string name = std::string(root) + std::string(ending);
    if (has(stored, name)) return name;
    if (root.empty()) break;
    root.remove_suffix(1);
    root = root.substr(0, root.rfind('.') + 1);
  }
  return std::nullopt;
}

/// Whether the embedding that a head may be tied to has a name that begins so.
bool has_embedding(std::span<const StoredTensor> stored, std::string_view root) {
  return std::ranges::any_of(stored, [&](const StoredTensor& t) {
    return t.info.name.starts_with(root) && ends_with_any(t.info.name, embedding_names);
  });
}

/// Edits under which the model has `target`, the shortest removal first.
std::vector<RootEdit> edits_for(std::span<const StoredTensor> stored, std::string_view target) {
  std::vector<RootEdit> edits;
  std::string_view rest = target;
  const bool is_head = !head_ending(target).empty();
  const std::size_t least = is_head ? 2 : 3;
  for (std::size_t removed = 0; removed <= max_removed && components(rest) >= least; ++removed) {
    for (const StoredTensor& tensor : stored) {
      const std::string_view name = tensor.info.name;
      if (!name.ends_with(rest)) continue;
      const std::string_view add = name.substr(0, name.size() - rest.size());
      if ((!add.empty() && add.back() != '.') || components(add) > max_added + 1) continue;
      if (is_head && !has_embedding(stored, add)) continue;
      edits.push_back({std::string(target.substr(0, target.size() - rest.size())), std::string(add)});
    }
    rest.remove_prefix(rest.find('.') + 1);
  }
  return edits;
}

/// Takes "model.layers." for "layers." out of both: other edits that say the same.
bool says_the_same(const RootEdit& a, const RootEdit& b, std::string_view target) {
  const auto edited = [&](const RootEdit& edit) { return edit.add + std::string(target.substr(edit.remove.size())); };
  return edited(a) == edited(b);
}

}  // namespace

std::optional<RootEdit> find_root_edit(std::span<const StoredTensor> stored, const std::vector<std::string>& targets) {
  if (fits(stored, {}, targets)) return RootEdit{};
  // The deepest name leaves the fewest edits to choose from.
  const auto deepest = std::ranges::max_element(targets, {}, [](const std::string& name) { return components(name); });
  std::optional<RootEdit> found;
  for (RootEdit& edit : edits_for(stored, *deepest)) {
    if (found && says_the_same(*found, edit, *deepest)) continue;
    if (!fits(stored, edit, targets)) continue;
    if (found) return std::nullopt;
    found = std::move(edit);
  }
  return found;
}

std::optional<std::string> stored_name(std::span<const StoredTensor> stored, const RootEdit& edit,
                                       const std::string& target) {
  if (target.starts_with(edit.remove)) {
    std::string edited = edit.add + target.substr(edit.remove.size());
    if (has(stored, edited)) return edited;
  }
  return has(stored, target) ? std::optional(target) : head_beside(stored, edit.add, target);
}

const StoredTensor* tied_embedding(const Catalogue& model) {
  const auto with_name = [&](std::span<const std::string_view> names) {
    return std::ranges::find_if(model.tensors,
                                [&](const StoredTensor& t) { return ends_with_any(t.info.name, names); });
  };
  if (!model.config.tied_embeddings.value_or(true) || with_name(head_names) != model.tensors.end()) return nullptr;
  const auto embedding = with_name(embedding_names);
  return embedding == model.tensors.end() ? nullptr : &*embedding;
}

void untie_head(Catalogue& model, const std::string& name) {
  StoredTensor head = *tied_embedding(model);
  head.info.name = name;
  const auto place = std::ranges::lower_bound(model.tensors, name, {},
                                              [](const StoredTensor& t) -> const std::string& { return t.info.name; });
  model.tensors.insert(place, std::move(head));
  model.config.tied_embeddings = false;
}

}  // namespace stockpot::plan
