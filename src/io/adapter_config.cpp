#include "io/adapter_config.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "core/error.hpp"

namespace stockpot::io {
namespace {

using Json = nlohmann::ordered_json;

/// How the adapter was trained, by what it was trained, and where it goes: the tensors' names say the last.
constexpr std::array without_influence{
    "task_type",      "inference_mode",  "lora_dropout",        "revision",
    "target_modules", "exclude_modules", "layers_to_transform", "layers_pattern",
    "bias",           "auto_mapping",    "peft_version",        "ensure_weight_tying",
    "lora_bias",      "modules_to_save", "megatron_core",       "loftq_config",
    "eva_config",     "corda_config",    "lora_ga_config",      "qalora_group_size",
    "runtime_config", "merge_weights",   "init_lora_weights"};
constexpr std::array read_elsewhere{
    "peft_type",  "r",        "lora_alpha",     "rank_pattern",           "alpha_pattern",
    "use_rslora", "use_dora", "fan_in_fan_out", "base_model_name_or_path"};
/// Values of init_lora_weights with which training begins beside an unchanged base.
constexpr std::array starts_beside_base{"gaussian", "eva", "orthogonal", "mica"};

template <class List>
bool is_in(const List& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

/// Null, false, 0, "" and empty containers: what the library writes for features that are not used.
bool means_unused(const Json& value) {
  if (value.is_null()) return true;
  if (value.is_boolean()) return !value.get<bool>();
  if (value.is_number()) return value.get<double>() == 0;
  return value.empty() || (value.is_string() && value.get_ref<const std::string&>().empty());
}

class ConfigReader {
 public:
  ConfigReader(const Json& config, std::string_view path) : config_(config), path_(path) {}

  void read(Adapter& adapter) const {
    check_kind();
    check_initialisation();
    check_other_keys();
    adapter.rank = rank("r", value("r"), 8);
    adapter.alpha = alpha("lora_alpha", value("lora_alpha"), 8.0);
    each_in("rank_pattern", [&](const std::string& expression, const Json& found) {
      adapter.rank_pattern.emplace_back(expression, rank("rank_pattern", &found, 0));
    });
    each_in("alpha_pattern", [&](const std::string& expression, const Json& found) {
      adapter.alpha_pattern.emplace_back(expression, alpha("alpha_pattern", &found, 0));
    });
    adapter.rank_stabilised = flag("use_rslora");
    adapter.magnitudes = flag("use_dora");
    adapter.transposed = flag("fan_in_fan_out");
    const Json* base = value("base_model_name_or_path");
    if (base != nullptr && base->is_string()) adapter.base_model = base->get<std::string>();
  }

 private:
  [[noreturn]] void refuse(std::string sentence, std::string_view key, std::string_view hint = {}) const {
    Error error(ErrorKind::corrupt_input, std::move(sentence));
    error.code("REF021").in_file(path_).with("key", key);
    if (!hint.empty()) error.hint(hint);
    throw error;
  }

  /// nullptr if the key is absent or null.
  const Json* value(const char* key) const {
    const auto found = config_.find(key);
    return found == config_.end() || found->is_null() ? nullptr : &*found;
  }

  void check_kind() const {
    const Json* kind = value("peft_type");
    if (kind != nullptr && kind->is_string() && kind->get_ref<const std::string&>() == "LORA") return;
    const std::string found = kind != nullptr && kind->is_string() ? kind->get<std::string>() : "nothing";
    refuse("the adapter is of type " + found + ", not LORA", "peft_type",
           "other kinds of adapters cannot be merged into weights here");
  }

  void check_initialisation() const {
    const Json* start = value("init_lora_weights");
    if (start == nullptr || start->is_boolean()) return;
    if (start->is_string() && is_in(starts_beside_base, start->get_ref<const std::string&>())) return;
    refuse("the adapter was trained on a base model that its initialisation had changed", "init_lora_weights",
           "save it with path_initial_model_for_weight_conversion; or, if the model before '+' is that changed base, "
           "set the key to true");
  }

  void check_other_keys() const {
    for (const auto& [key, found] : config_.items()) {
      if (is_in(without_influence, key) || is_in(read_elsewhere, key) || means_unused(found)) continue;
      refuse("the adapter uses a variant of LoRA that cannot be merged here", key);
    }
  }

  std::uint64_t rank(const char* key, const Json* found, std::uint64_t otherwise) const {
    if (found == nullptr) return otherwise;
    if (!found->is_number_unsigned()) refuse("a rank is not a whole number", key);
    return found->get<std::uint64_t>();
  }

  double alpha(const char* key, const Json* found, double otherwise) const {
    if (found == nullptr) return otherwise;
    if (!found->is_number() || !std::isfinite(found->get<double>())) refuse("an alpha is not a finite number", key);
    return found->get<double>();
  }

  bool flag(const char* key) const {
    const Json* found = value(key);
    if (found == nullptr) return false;
    if (!found->is_boolean()) refuse("the value is neither true nor false", key);
    return found->get<bool>();
  }

  template <class Work>
  void each_in(const char* key, const Work& work) const {
    const Json* patterns = value(key);
    if (patterns == nullptr) return;
    if (!patterns->is_object()) refuse("the value is not an object of expressions", key);
    for (const auto& [expression, found] : patterns->items()) work(expression, found);
  }

  const Json& config_;
  std::string_view path_;
};

}  // namespace

void read_adapter_config(const Json& config, std::string_view path, Adapter& adapter) {
  if (!config.is_object()) {
    throw Error(ErrorKind::corrupt_input, "the file is not a JSON object").code("REF020").in_file(path);
  }
  ConfigReader(config, path).read(adapter);
}

}  // namespace stockpot::io
