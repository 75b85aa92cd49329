#include "plan/adapter_names.hpp"

#include <array>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace stockpot::plan {
namespace {

using Member = std::optional<std::uint32_t> AdapterModule::*;

/// What may come after the path of a module.
constexpr std::array<std::pair<std::string_view, Member>, 13> endings{{
    {".lora_A.weight", &AdapterModule::a},
    {".lora_A.default.weight", &AdapterModule::a},
    {".lora_B.weight", &AdapterModule::b},
    {".lora_B.default.weight", &AdapterModule::b},
    {".lora_B.bias", &AdapterModule::bias},
    {".lora_B.default.bias", &AdapterModule::bias},
    {".lora_embedding_A", &AdapterModule::embedding_a},
    {".lora_embedding_A.default", &AdapterModule::embedding_a},
    {".lora_embedding_B", &AdapterModule::embedding_b},
    {".lora_embedding_B.default", &AdapterModule::embedding_b},
    {".lora_magnitude_vector", &AdapterModule::magnitude},
    {".lora_magnitude_vector.weight", &AdapterModule::magnitude},
    {".lora_magnitude_vector.default.weight", &AdapterModule::magnitude},
}};

std::string_view without_prefix(std::string_view name) {
  constexpr std::string_view prefix = "base_model.model.";
  return name.starts_with(prefix) ? name.substr(prefix.size()) : name;
}

/// `name` with one of the middle parts, if it has one, as a dot.
std::optional<std::string> without_middle(std::string_view name, std::span<const std::string_view> middles) {
  for (const std::string_view middle : middles) {
    const auto at = name.find(middle);
    if (at == std::string_view::npos) continue;
    std::string cut(name.substr(0, at + 1));
    cut += name.substr(at + middle.size());
    return cut;
  }
  return std::nullopt;
}

constexpr std::array<std::string_view, 1> below_pairs{".base_layer."};
constexpr std::array<std::string_view, 2> saved_copies{".modules_to_save.default.", ".modules_to_save."};
constexpr std::array<std::string_view, 1> originals{".original_module."};

class NameReader {
 public:
  void read(std::string_view stored, std::uint32_t tensor) {
    const std::string_view name = without_prefix(stored);
    for (const auto& [ending, member] : endings) {
      if (!name.ends_with(ending)) continue;
      std::optional<std::uint32_t>& place =
          found_.modules[std::string(name.substr(0, name.size() - ending.size()))].*member;
      if (place) return leave(stored);
      place = tensor;
      return;
    }
    if (name.find(".lora_") != std::string_view::npos) return leave(stored);
    if (const auto target = without_middle(name, originals)) {
      originals_.emplace(*target, stored);
      return;
    }
    const auto below_pair = without_middle(name, below_pairs);
    const auto target = below_pair ? below_pair : without_middle(name, saved_copies);
    const SavedTensor saved{tensor, below_pair.has_value()};
    const std::string saved_name = target.value_or(std::string(name));
    if (!found_.saved.emplace(saved_name, saved).second) repeated_.emplace_back(saved_name, stored);
  }

  AdapterNames take() {
    for (const auto& [target, stored] : repeated_) {
      if (!originals_.contains(target)) leave(stored);
    }
    for (const auto& [target, stored] : originals_) {
      if (!found_.saved.contains(target)) leave(stored);
    }
    return std::move(found_);
  }

 private:
  void leave(std::string_view stored) { found_.leftovers.emplace_back(stored); }
  AdapterNames found_;
  // peft writes an embedding whose vocabulary grew three times: as it was, as it is, and as it is under the module's name.
  std::map<std::string, std::string> originals_;               // target -> name as stored
  std::vector<std::pair<std::string, std::string>> repeated_;  // likewise
};

}  // namespace

AdapterNames read_adapter_names(std::span<const StoredTensor> tensors) {
  NameReader reader;
  for (std::uint32_t t = 0; t < tensors.size(); ++t) reader.read(tensors[t].info.name, t);
  return reader.take();
}

}  // namespace stockpot::plan
