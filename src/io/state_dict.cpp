#include "io/state_dict.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "core/error.hpp"
#include "core/utf8.hpp"
#include "io/pickle_items.hpp"

namespace stockpot::io {
namespace {

using Kind = PickleValue::Kind;

constexpr std::array<std::string_view, 8> usual_names{"state_dict", "model_state_dict", "model", "module",
                                                      "weights",    "params",           "net",   "generator"};
constexpr std::size_t max_tensors = 4'000'000, max_name_bytes = 4096, max_depth = 1000, max_listed = 20;
constexpr std::uint64_t max_all_names_bytes = std::uint64_t{256} << 20;

/// Objects that a walk has seen: dictionaries may hold each other.
using Visited = std::vector<bool>;

class Finder {
 public:
  Finder(const Pickle& pickle, const std::string& path) : pickle_(pickle), path_(path) {}

  PickleValue choose(PickleValue root) const {
    if (!root.is(Kind::dict) && !root.is(Kind::pairs)) {
      refuse("FMT042", "the file's top is no dictionary of tensors",
             "perhaps a whole model was saved: save its state_dict() instead");
    }
    if (has_tensors_itself(root)) return root;
    for (const std::string_view name : usual_names) {
      const auto named = entry_named(root, name);
      Visited visited(pickle_.objects.size());
      if (named && (named->is(Kind::dict) || named->is(Kind::pairs)) && count_tensors(*named, visited) > 0)
        return *named;
    }
    return with_most_tensors(root);
  }

  StateDict flatten(PickleValue chosen) {
    StateDict found;
    visited_.assign(pickle_.objects.size(), false);
    below_opaque_.assign(pickle_.objects.size(), false);
    enter(chosen);
    while (!open_.empty()) {
      Level& level = open_.back();
      name_.resize(level.name_bytes);
      const auto entry = pickle_entry(pickle_, level.value, level.next++);
      if (!entry) {
        open_.pop_back();
        continue;
      }
      append_key(entry->key);
      take(entry->value, found);
    }
    return found;
  }

 private:
  struct Level {
    PickleValue value;
    std::size_t name_bytes = 0;  ///< of the name so far
    std::size_t next = 0;
  };

  [[noreturn]] void refuse(std::string_view code, const std::string& sentence, std::string_view hint) const {
    Error error(ErrorKind::corrupt_input, sentence);
    error.code(code).in_file(path_);
    if (!name_.empty()) error.in_tensor(name_.substr(0, max_name_bytes));
    throw error.hint(hint);
  }

  // ---- choosing

  template <class Take>
  void for_each(PickleValue of, const Take& take) const {
    for (std::size_t i = 0;; ++i) {
      const auto entry = pickle_entry(pickle_, of, i);
      if (!entry) return;
      take(*entry);
    }
  }

  bool has_tensors_itself(PickleValue dict) const {
    bool has = false;
    for_each(dict, [&](const PickleEntry& entry) { has = has || entry.value.is(Kind::tensor); });
    return has;
  }

  std::optional<PickleValue> entry_named(PickleValue dict, std::string_view name) const {
    std::optional<PickleValue> found;
    for_each(dict, [&](const PickleEntry& entry) {
      if (entry.key.is(Kind::text) && pickle_.at(entry.key).text == name) found = entry.value;
    });
    return found;
  }

  /// Of a dictionary and all that it holds, what was visited before left out.
  std::uint64_t count_tensors(PickleValue of, Visited& visited) const {
    std::uint64_t count = 0;
    std::vector<PickleValue> open{of};
    while (!open.empty()) {
      const PickleValue value = open.back();
      open.pop_back();
      if (value.is(Kind::tensor)) ++count;
      if (!has_entries(value) || visited[static_cast<std::size_t>(value.integer)]) continue;
      visited[static_cast<std::size_t>(value.integer)] = true;
      for_each(value, [&](const PickleEntry& entry) { open.push_back(entry.value); });
    }
    return count;
  }

  PickleValue with_most_tensors(PickleValue root) const {
    Visited visited(pickle_.objects.size());
    std::uint64_t most = 0;
    bool tied = false;
    PickleValue best;
    std::string keys;
    for_each(root, [&](const PickleEntry& entry) {
      if (keys.size() < max_name_bytes) keys += (keys.empty() ? "" : ", ") + shown_key(entry.key);
      if (!entry.value.is(Kind::dict) && !entry.value.is(Kind::pairs)) return;
      const std::uint64_t count = count_tensors(entry.value, visited);
      tied = count == most ? tied || count > 0 : count < most && tied;
      if (count > most) most = count, best = entry.value;
    });
    if (most > 0 && !tied) return best;
    Error error(ErrorKind::corrupt_input,
                most == 0 ? "the file has no tensors" : "several dictionaries of the file have equally many tensors");
    throw error.code("FMT042")
        .in_file(path_)
        .with("keys", keys.empty() ? "none" : keys)
        .hint("save the weights alone, as a dictionary from name to tensor");
  }

  std::string shown_key(PickleValue key) const {
    constexpr std::size_t longest = 100;
    if (key.is(Kind::text) || key.is(Kind::bytes)) return std::string(pickle_.at(key).text.substr(0, longest));
    return key.is(Kind::integer) ? fmt::format("{}", key.integer) : "?";
  }

  // ---- flattening

  void enter(PickleValue value) {
    const auto object = static_cast<std::size_t>(value.integer);
    if (pickle_.at(value).items.empty()) return;
    if (visited_[object]) {
      refuse("FMT032", "a dictionary or list of the file lies in its state dict twice",
             "save the state dict once more");
    }
    visited_[object] = true;
    if (open_.size() >= max_depth) {
      refuse("FMT005", fmt::format("dictionaries are nested deeper than {}", max_depth), "save the weights alone");
    }
    open_.push_back({value, name_.size()});
  }

  void append_key(PickleValue key) {
    if (open_.back().name_bytes > 0 || open_.size() > 1) name_ += '.';
    if (key.is(Kind::text) || key.is(Kind::bytes)) {
      name_ += pickle_.at(key).text;
    } else if (key.is(Kind::integer)) {
      name_ += fmt::format("{}", key.integer);
    } else {
      refuse("FMT032", "a key of the state dict is neither a text nor a number", "save the weights alone");
    }
    if (name_.empty() || name_.size() > max_name_bytes) {
      refuse("FMT005", fmt::format("a tensor name is empty or longer than {} bytes", max_name_bytes),
             "save the weights with shorter names");
    }
  }

  void take(PickleValue value, StateDict& found) {
    if (has_entries(value)) return enter(value);
    if (value.is(Kind::opaque) && hides_storage(value)) {
      refuse("FMT033", "a tensor is hidden in an object of an unknown class" + class_of(value),
             "save the weights alone, as a dictionary from name to tensor");
    }
    if (!value.is(Kind::tensor)) {
      if (found.left_out.size() <= max_listed) found.left_out.push_back(name_);
      return;
    }
    if (!is_utf8(name_)) refuse("FMT021", "a tensor name is not UTF-8", "save the weights with other names");
    all_names_bytes_ += name_.size();
    found.tensors.emplace_back(name_, value);
    if (found.tensors.size() > max_tensors || all_names_bytes_ > max_all_names_bytes) {
      refuse("FMT005",
             fmt::format("more than {} tensors, or names of more than {} bytes", max_tensors, max_all_names_bytes),
             "split the model into several files with an index");
    }
  }

  std::string class_of(PickleValue value) const {
    const auto& items = pickle_.at(value).items;
    const std::string name = items.empty() ? "" : pickle_.name_of(items[0]);
    return name.empty() ? "" : fmt::format(": {}", name.substr(0, 200));
  }

  /// Whether a storage, or what PyTorch packs one into, is anywhere below.
  bool hides_storage(PickleValue opaque) {
    std::vector<PickleValue> open{opaque};
    while (!open.empty()) {
      const PickleValue value = open.back();
      open.pop_back();
      if (value.is(Kind::storage) || pickle_.name_of(value) == "torch.storage._load_from_bytes") return true;
      const bool has_items = has_entries(value) || value.is(Kind::opaque) || value.is(Kind::tensor);
      if (!has_items || below_opaque_[static_cast<std::size_t>(value.integer)]) continue;
      below_opaque_[static_cast<std::size_t>(value.integer)] = true;
      const auto& items = pickle_.at(value).items;
      open.insert(open.end(), items.begin(), items.end());
    }
    return false;
  }

  const Pickle& pickle_;
  const std::string& path_;
  Visited visited_, below_opaque_;
  std::vector<Level> open_;
  std::string name_;
  std::uint64_t all_names_bytes_ = 0;
};

}  // namespace

StateDict find_state_dict(const Pickle& pickle, const std::string& path) {
  Finder finder(pickle, path);
  StateDict found = finder.flatten(finder.choose(pickle.root));
  if (!found.tensors.empty()) return found;
  throw Error(ErrorKind::corrupt_input, "the file has no tensors")
      .code("FMT042")
      .in_file(path)
      .hint("give a file of weights");
}

}  // namespace stockpot::io
