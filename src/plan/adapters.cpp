#include "plan/adapters.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "core/error.hpp"
#include "core/first_few.hpp"
#include "core/nearest.hpp"
#include "plan/adapter_names.hpp"
#include "plan/adapter_pairs.hpp"
#include "plan/adapter_targets.hpp"
#include "plan/head_names.hpp"
#include "plan/known_heads.hpp"
#include "plan/shapes.hpp"

namespace stockpot::plan {
namespace {

using Kind = AdapterPart::Kind;

/// While targets are found: by name, because heads may still be added to the model.
using PartsByName = std::map<std::string, std::vector<AdapterPart>>;

std::string listed(const std::vector<std::string>& names) { return first_few(names, 10); }

/// One adapter held against its model.
class AdapterFit {
 public:
  AdapterFit(Catalogue& model, std::uint32_t index, PartsByName& parts, std::vector<std::string>& warnings)
      : model_(model),
        adapter_(model.adapters[index]),
        index_(index),
        parts_(parts),
        warnings_(warnings),
        pairs_(adapter_, index) {}

  void run() {
    check_base();
    names_ = read_adapter_names(adapter_.tensors);
    refuse_leftovers();
    find_root();
    untie_heads();
    for (const auto& [name, saved] : names_.saved) replace(name, saved);
    for (const auto& [path, module] : names_.modules) {
      pairs_.learn_layout(module, stored(target(path + ".weight")).info);
    }
    for (const auto& [path, module] : names_.modules) add_module(path, module);
    if (const auto remark = pairs_.remark_on_layouts()) warn(*remark);
  }

 private:
  Error error(std::string_view code, std::string sentence) const {
    return Error(ErrorKind::corrupt_input, std::move(sentence)).code(code);
  }
  const TensorInfo& info(std::uint32_t tensor) const { return adapter_.tensors[tensor].info; }

  // ---- what belongs together

  void check_base() {
    const auto last = [](std::string_view path) {
      while (path.ends_with('/')) path.remove_suffix(1);
      return path.substr(path.rfind('/') + 1);
    };
    const std::string_view reference = std::string_view(model_.model).substr(0, model_.model.find_first_of("+@"));
    if (adapter_.base_model.empty()) return;
    const std::string_view base = last(adapter_.base_model);
    if (base == last(reference) || base == last(model_.directory)) return;
    warn(fmt::format("REF025: it was made for '{}'", printable(adapter_.base_model)));
  }

  void warn(const std::string& text) { warnings_.push_back(fmt::format("adapter '{}': {}", adapter_.reference, text)); }

  void refuse_leftovers() const {
    std::vector<std::string> left = names_.leftovers;
    for (const auto& [name, saved] : names_.saved) {
      const std::string_view module = std::string_view(name).substr(0, name.rfind('.'));
      if (!saved.below_pair && name.ends_with(".weight") && names_.modules.contains(std::string(module))) {
        left.push_back(info(saved.tensor).name);  // replaced and changed: which of the two is not said
      }
    }
    for (const auto& [path, module] : names_.modules) {
      if ((module.a || module.b) && (module.embedding_a || module.embedding_b)) left.push_back(path);
      if (module.magnitude && !adapter_.magnitudes) left.push_back(info(*module.magnitude).name);
    }
    if (left.empty()) return;
    throw error("REF024", fmt::format("{} tensors of the adapter are of no use", left.size())).in_tensor(listed(left));
  }

  void find_root() {
    std::vector<std::string> targets;
    for (const auto& [name, saved] : names_.saved) targets.push_back(name);
    for (const auto& [path, module] : names_.modules) targets.push_back(path + ".weight");
    if (targets.empty()) throw error("REF022", "the adapter has no tensors");
    const auto edit = find_root_edit(model_.tensors, targets);
    if (edit) root_ = *edit;
  }

  // ---- targets

  StoredTensor& stored(const std::string& name) {
    return model_.tensors[static_cast<std::size_t>(model_.find(name) - model_.tensors.data())];
  }

  /// The name of the stored tensor that the adapter calls `name`.
  std::string target(const std::string& name) {
    if (const auto untied = untied_.find(name); untied != untied_.end()) return untied->second;
    if (auto found = stored_name(model_.tensors, root_, name)) return *std::move(found);
    std::vector<std::string> candidates;
    for (const StoredTensor& tensor : model_.tensors) candidates.push_back(tensor.info.name);
    throw error("REF022", "the model lacks a tensor that the adapter changes")
        .in_tensor(name)
        .hint(fmt::format("the adapter was made for {}. {}",
                          adapter_.base_model.empty() ? "another model" : "'" + printable(adapter_.base_model) + "'",
                          did_you_mean(name, candidates)));
  }

  /// A head that the model ties becomes a tensor of its own before anything of this adapter is added.
  void untie_heads() {
    std::vector<std::string> heads;
    for (const auto& [name, saved] : names_.saved) heads.push_back(name);
    for (const auto& [path, module] : names_.modules) heads.push_back(path + ".weight");
    for (const std::string& name : heads) {
      if (!ends_with_any(name, head_names) || stored_name(model_.tensors, root_, name)) continue;
      const StoredTensor* embedding = tied_embedding(model_);
      if (embedding == nullptr) continue;
      const std::string head = models_name(name, embedding->info.name);
      if (const auto changed = parts_.find(embedding->info.name); changed != parts_.end()) {
        parts_[head] = changed->second;
      }
      untie_head(model_, head);
      untied_[name] = head;
      warn(fmt::format("it changes '{}', which the model ties to its embedding: the head is untied", head));
    }
  }

  /// What the model would store a head by that it does not store: as its class does, else below the adapter's root.
  std::string models_name(const std::string& head, std::string_view embedding) const {
    const auto& classes = model_.config.architectures;
    const std::string_view known = classes.empty() ? std::string_view() : known_head(classes.front(), embedding);
    if (!known.empty() && (known.ends_with(head) || head.ends_with(known))) return std::string(known);
    return head.starts_with(root_.remove) ? root_.add + head.substr(root_.remove.size()) : head;
  }

  // ---- whole tensors

  void replace(const std::string& name, const SavedTensor& saved) {
    const std::string found = target(name);
    StoredTensor& old = stored(found);
    const StoredTensor& by = adapter_.tensors[saved.tensor];
    if (old.info.shape != by.info.shape) check_resized(old.info, by.info);
    if (!saved.below_pair) remark_on_tied(found);
    if (adapter_.weight == 1.0) {
      if (!saved.below_pair) parts_.erase(found);
      if (old.info.shape != by.info.shape && parts_.contains(found)) refuse_resized(old.info, by.info);
      old = {{found, by.info.dtype, by.info.shape}, by.file, by.offset, by.strides, by.pieces};
      return;
    }
    check_arithmetic(old.info);
    check_arithmetic(by.info);
    // What lies below a pair is a copy of the base that it was trained on: what other adapters add stays.
    std::vector<AdapterPart>& parts = parts_[found];
    parts.insert(saved.below_pair ? parts.begin() : parts.end(),
                 {.kind = Kind::replacement, .adapter = index_, .a = saved.tensor, .scale = adapter_.weight});
  }

  /// Embeddings of a larger vocabulary are saved whole.
  void check_resized(const TensorInfo& old, const TensorInfo& saved) {
    const bool vocabulary = ends_with_any(old.name, head_names) || ends_with_any(old.name, embedding_names);
    const bool rows_differ = old.shape.size() == 2 && saved.shape.size() == 2 && old.shape[1] == saved.shape[1];
    if (vocabulary && rows_differ && adapter_.weight == 1.0) {
      return warn(fmt::format("it brings {} rows of '{}' for {}: tokenizer and vocab_size must be those of the adapter",
                              saved.shape[0], old.name, old.shape[0]));
    }
    refuse_resized(old, saved);
  }

  [[noreturn]] void refuse_resized(const TensorInfo& old, const TensorInfo& saved) const {
    throw error("REF023", fmt::format("the adapter replaces a tensor of {} by one of {}", to_string(old.shape),
                                      to_string(saved.shape)))
        .in_tensor(old.name);
  }

  void remark_on_tied(const std::string& name) {
    const StoredTensor* tied = tied_embedding(model_);
    if (tied == nullptr || tied->info.name != name) return;
    warn(fmt::format("'{}' is the head, too, in this model: the adapter changes both", name));
  }

  void add_module(const std::string& path, const AdapterModule& module) {
    if (module.bias) {
      const auto found = stored_name(model_.tensors, root_, path + ".bias");
      if (!found) throw error("REF022", "the adapter changes a bias that the model lacks").in_tensor(path + ".bias");
      parts_[*found].push_back(pairs_.bias(path, module, stored(*found).info));
    }
    const std::string found = target(path + ".weight");
    const TensorInfo& base = stored(found).info;
    const bool embedding = module.embedding_a || module.embedding_b;
    parts_[found].push_back(embedding ? pairs_.embedding(path, module, base) : pairs_.linear(path, module, base));
    remark_on_tied(found);
  }

  Catalogue& model_;
  const Adapter& adapter_;
  std::uint32_t index_;
  PartsByName& parts_;
  std::vector<std::string>& warnings_;
  AdapterPairs pairs_;
  AdapterNames names_;
  RootEdit root_;
  std::map<std::string, std::string> untied_;  // what the adapter calls a head, and the name that it got
};

}  // namespace

AdaptedTensors adapt(Catalogue& model, std::vector<std::string>& warnings) {
  PartsByName by_name;
  for (std::uint32_t k = 0; k < model.adapters.size(); ++k) {
    try {
      AdapterFit(model, k, by_name, warnings).run();
    } catch (Error& error) {
      throw error.with("adapter", model.adapters[k].reference).in_model(model.model);
    }
  }
  AdaptedTensors adapted;
  for (auto& [name, parts] : by_name) {
    adapted.emplace(static_cast<std::uint32_t>(model.find(name) - model.tensors.data()), std::move(parts));
  }
  return adapted;
}

MatrixShape matrix_shape(const TensorInfo& tensor) {
  if (tensor.shape.size() < 2 || tensor.shape[0] == 0) return {1, tensor.elements()};
  return {tensor.shape[0], tensor.elements() / tensor.shape[0]};
}

bool needs_rows(std::span<const AdapterPart> parts) {
  return std::ranges::any_of(parts, [](const AdapterPart& p) { return p.magnitude && p.kind == Kind::low_rank; });
}

std::uint64_t elements_to_read(const StoredTensor& tensor, std::span<const AdapterPart> parts, std::uint64_t elements) {
  if (elements == 0 || !needs_rows(parts)) return elements;
  const std::uint64_t further = 2 * (matrix_shape(tensor.info).columns - 1);  // of the rows at both ends
  return std::min(tensor.info.elements(), elements + further);
}

}  // namespace stockpot::plan
