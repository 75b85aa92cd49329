#include "plan/model_view.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <optional>
#include <set>

#include "plan/expert_layout.hpp"

namespace stockpot::plan {
namespace {

/// Tensors of training alone.
bool is_of_training(std::string_view name) {
  return name.starts_with("optimizer.") || name.starts_with("rng_state") || name.starts_with("lr_scheduler");
}

constexpr std::array<std::string_view, 4> wrappers{"module.", "_orig_mod.", "_fsdp_wrapped_module.",
                                                   "base_model.model."};

void replace_first(std::string& name, std::string_view what, std::string_view by) {
  const auto at = name.find(what);
  if (at != std::string::npos) name.replace(at, what.size(), by);
}

/// What wrappers have put before all names alike; something is left of each name.
std::string_view common_wrappers(const std::vector<std::string_view>& names) {
  if (names.empty()) return {};
  std::string_view shared = names.front();
  for (const std::string_view name : names) {
    const auto end = std::ranges::mismatch(shared, name.substr(0, name.empty() ? 0 : name.size() - 1)).in1;
    shared = shared.substr(0, static_cast<std::size_t>(end - shared.begin()));
  }
  std::string_view rest = shared;
  const auto takes_off = [&](std::string_view prefix) {
    const bool there = rest.starts_with(prefix);
    if (there) rest.remove_prefix(prefix.size());
    return there;
  };
  while (std::ranges::any_of(wrappers, takes_off)) {
  }
  return shared.substr(0, shared.size() - rest.size());
}

/// Names without what wrappers and older libraries have added to them, parallel to the given ones.
std::vector<std::string> normalised(const std::vector<std::string_view>& stored) {
  const std::size_t wrapped = common_wrappers(stored).size();
  std::vector<std::string> names;
  for (const std::string_view name : stored) names.emplace_back(name.substr(wrapped));
  const std::set<std::string> known(names.begin(), names.end());
  for (std::string& name : names) {
    std::string edited = name;
    replace_first(edited, ".base_layer.", ".");
    if (edited.ends_with(".LayerNorm.gamma")) replace_first(edited, ".LayerNorm.gamma", ".LayerNorm.weight");
    if (edited.ends_with(".LayerNorm.beta")) replace_first(edited, ".LayerNorm.beta", ".LayerNorm.bias");
    if (edited != name && !known.contains(edited)) name = std::move(edited);
  }
  return names;
}

using Names = std::set<std::string, std::less<>>;

std::size_t common(const Names& anchor, const std::vector<std::string>& names) {
  return static_cast<std::size_t>(
      std::ranges::count_if(names, [&](const std::string& n) { return anchor.contains(n); }));
}

/// Heads stand beside the model that a root names.
bool is_beside_root(std::string_view name) {
  constexpr std::array<std::string_view, 10> heads{"lm_head",        "embed_out",       "cls",
                                                   "score",          "classifier",      "pre_classifier",
                                                   "qa_outputs",     "vocab_transform", "vocab_layer_norm",
                                                   "vocab_projector"};
  return std::ranges::find(heads, name.substr(0, name.find('.'))) != heads.end();
}

/// All names with a root put in front, or taken off where they have it; but those that are the anchor's already.
std::vector<std::string> with_root(const Names& anchor, std::vector<std::string> names, std::string_view root,
                                   bool add) {
  for (std::string& name : names) {
    if (anchor.contains(name)) continue;
    if (!add) {
      if (name.starts_with(root)) name.erase(0, root.size());
      continue;
    }
    std::string rooted = fmt::format("{}{}", root, name);
    if (!is_beside_root(name) || anchor.contains(rooted)) name = std::move(rooted);
  }
  return names;
}

/// Another root for all names, where most of them then are the anchor's. @return whether the names changed.
bool change_root(const Names& anchor, std::vector<std::string>& names) {
  constexpr std::array<std::string_view, 8> roots{"model.",      "transformer.",    "bert.",     "roberta.",
                                                  "distilbert.", "language_model.", "gpt_neox.", "backbone."};
  const std::size_t smaller = std::min(anchor.size(), names.size());
  if (2 * common(anchor, names) >= smaller) return false;
  std::vector<std::string> best;
  std::size_t most = 0;
  for (const std::string_view root : roots) {
    for (const bool add : {true, false}) {
      std::vector<std::string> edited = with_root(anchor, names, root, add);
      const std::size_t fitting = common(anchor, edited);
      if (fitting <= most) continue;
      most = fitting;
      best = std::move(edited);
    }
  }
  if (10 * most <= 9 * smaller) return false;
  names = std::move(best);
  return true;
}

struct Edit {
  std::string_view from, to;  ///< beginnings of names
};

/// Spellings of one tensor's place in files of different age; each also the other way round.
constexpr std::array<Edit, 7> edits{{{"language_model.model.", "model.language_model."},
                                     {"model.", "model.language_model."},
                                     {"language_model.lm_head.", "lm_head."},
                                     {"visual.", "model.visual."},
                                     {"vision_tower.", "model.vision_tower."},
                                     {"multi_modal_projector.", "model.multi_modal_projector."},
                                     {"vision_tower.vision_model.", "vision_tower."}}};

/// What one edit makes of a name, in every way in which it can be applied.
std::vector<std::string> edited(const std::string& name) {
  std::vector<std::string> all;
  const auto replace = [&](std::size_t at, std::string_view from, std::string_view to) {
    all.push_back(fmt::format("{}{}{}", std::string_view(name).substr(0, at), to,
                              std::string_view(name).substr(at + from.size())));
  };
  for (const Edit& edit : edits) {
    if (name.starts_with(edit.from)) replace(0, edit.from, edit.to);
    if (name.starts_with(edit.to)) replace(0, edit.to, edit.from);
  }
  constexpr std::string_view old_tower = "model.vision_tower.vision_model.", new_tower = "model.vision_tower.";
  if (name.starts_with(old_tower)) replace(0, old_tower, new_tower);
  if (name.starts_with(new_tower)) replace(0, new_tower, old_tower);
  constexpr std::string_view sparse = ".block_sparse_moe.", dense = ".mlp.";
  if (const auto at = name.find(sparse); at != std::string::npos) replace(at, sparse, dense);
  if (const auto at = name.find(dense); at != std::string::npos) replace(at, dense, sparse);
  return all;
}

/// The first of up to two edits whose result `fits`.
template <class Fits>
std::optional<std::string> find_edit(const std::string& name, const Fits& fits) {
  const auto once = edited(name);
  for (const std::string& candidate : once) {
    if (fits(candidate)) return candidate;
  }
  for (const std::string& candidate : once) {
    for (const std::string& twice : edited(candidate)) {
      if (fits(twice)) return twice;
    }
  }
  return std::nullopt;
}

/// Name by name, for each that the anchor lacks. Holders of experts count as names: their tensors may differ.
std::size_t change_names(const Names& anchor, std::vector<std::string>& names) {
  const Names own(names.begin(), names.end());
  Names anchor_holders;
  for (const std::string& name : anchor) {
    if (const auto at = name.find(".experts."); at != std::string::npos) anchor_holders.insert(name.substr(0, at));
  }
  std::size_t changed = 0;
  for (std::string& name : names) {
    if (anchor.contains(name)) continue;
    const auto experts = name.find(".experts.");
    const auto fits = [&](const std::string& candidate) {
      if (own.contains(candidate)) return false;
      if (anchor.contains(candidate)) return true;
      const auto at = candidate.find(".experts.");
      return experts != std::string::npos && at != std::string::npos &&
             anchor_holders.contains(candidate.substr(0, at)) && !anchor_holders.contains(name.substr(0, experts));
    };
    if (auto fitting = find_edit(name, fits)) {
      name = std::move(*fitting);
      ++changed;
    }
  }
  return changed;
}

struct Named {
  std::vector<std::uint32_t> tensors;  // indices into the catalogue's
  std::vector<std::string_view> stored;
};

Named names_of(const Catalogue& model) {
  Named all;
  for (std::uint32_t t = 0; t < model.tensors.size(); ++t) {
    if (is_of_training(model.tensors[t].info.name)) continue;
    all.tensors.push_back(t);
    all.stored.emplace_back(model.tensors[t].info.name);
  }
  return all;
}

/// Makes names differ: where two meet, the one that is stored so has it, else the first; the other is what it was.
void keep_apart(std::vector<std::string>& names, const std::vector<std::string_view>& stored) {
  std::map<std::string_view, std::size_t> holders;
  for (std::size_t i = 0; i < names.size(); ++i) {
    std::size_t claimant = i;
    while (true) {
      const auto [at, is_free] = holders.emplace(names[claimant], claimant);
      if (is_free) break;
      std::size_t other = at->second;
      if (names[claimant] == stored[claimant]) {
        holders.erase(at);
        holders.emplace(names[claimant], claimant);
        std::swap(claimant, other);
      }
      names[claimant] = stored[claimant];  // stored names differ, so nobody is turned away twice
    }
  }
}

ViewedTensor whole(const Catalogue& model, std::uint32_t tensor, std::string name) {
  const TensorInfo& info = model.tensors[tensor].info;
  return {std::move(name), info.name, info.dtype, info.shape, {{tensor, 0, info.elements()}}};
}

}  // namespace

const ViewedTensor* ModelView::find(std::string_view name) const {
  const auto at = std::ranges::lower_bound(tensors, name, {}, &ViewedTensor::name);
  return at != tensors.end() && at->name == name ? &*at : nullptr;
}

ModelView view_of_anchor(const Catalogue& anchor) {
  ModelView view;
  const Named named = names_of(anchor);
  for (std::size_t i = 0; i < named.tensors.size(); ++i) {
    view.tensors.push_back(whole(anchor, named.tensors[i], std::string(named.stored[i])));
  }
  return view;
}

ModelView view_of(const Catalogue& model, const ModelView& anchor) {
  std::vector<std::string_view> anchor_stored;
  for (const ViewedTensor& tensor : anchor.tensors) anchor_stored.emplace_back(tensor.name);
  const std::vector<std::string> anchor_names = normalised(anchor_stored);
  std::map<std::string_view, std::string_view> stored_by_anchor;
  for (std::size_t i = 0; i < anchor_names.size(); ++i) stored_by_anchor.emplace(anchor_names[i], anchor_stored[i]);

  const Named named = names_of(model);
  std::vector<std::string> names = normalised(named.stored);
  const Names known(anchor_names.begin(), anchor_names.end());
  const bool other_root = change_root(known, names);
  const std::size_t changed = change_names(known, names);

  // What the anchor lacks is named as if it were the anchor's, which may be wrapped.
  const std::string_view wrapped = common_wrappers(anchor_stored);
  for (std::string& name : names) {
    const auto at = stored_by_anchor.find(name);
    name = at == stored_by_anchor.end() ? fmt::format("{}{}", wrapped, name) : std::string(at->second);
  }
  keep_apart(names, named.stored);

  ModelView view;
  for (std::size_t i = 0; i < names.size(); ++i) {
    view.tensors.push_back(whole(model, named.tensors[i], std::move(names[i])));
  }
  std::ranges::sort(view.tensors, {}, &ViewedTensor::name);
  if (other_root || changed > 0) {
    view.notes.push_back(fmt::format("ARC002: {}: {} of {} names are spelled as in the anchor", model.model,
                                     other_root ? names.size() : changed, names.size()));
  }
  align_experts(anchor, model.model, view);
  return view;
}

}  // namespace stockpot::plan
