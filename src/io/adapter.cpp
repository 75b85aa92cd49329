#include "io/adapter.hpp"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "core/error.hpp"
#include "io/adapter_config.hpp"
#include "io/json.hpp"
#include "io/model_directory.hpp"
#include "io/shard_file.hpp"
#include "io/small_file.hpp"

namespace stockpot::io {
namespace {

namespace fs = std::filesystem;

const std::string config_file = "adapter_config.json";
const std::string weight_file = "adapter_model.safetensors";
const std::string pickled_file = "adapter_model.bin";

void check_is_folder(const std::string& path) {
  std::error_code unreadable;  // then listing it says why
  if (!fs::is_regular_file(path, unreadable)) return;
  throw Error(ErrorKind::corrupt_input, "an adapter is a folder, not a file of it")
      .code("REF020")
      .in_file(path)
      .hint("name the folder that holds " + config_file + " and the weights");
}

/// The real path of a file of the adapter.
std::string path_of(const ModelDirectory& directory, const std::string& name) {
  if (auto path = directory.resolve(name)) return *std::move(path);
  Error error(ErrorKind::corrupt_input, "the folder is no LoRA adapter: it has no " + name);
  error.code("REF020").with("folder", directory.path());
  if (directory.has("config.json")) {
    error.hint("it looks like a whole model, which cannot stand after '+'");
  }
  throw error;
}

void add_tensors(const ModelDirectory& directory, Adapter& adapter, Catalogue& into) {
  const bool is_pickled = !directory.has(weight_file) && directory.has(pickled_file);
  const std::string& name = is_pickled ? pickled_file : weight_file;
  ShardFile shard = read_shard(path_of(directory, name), directory.shown(name));
  const auto file = static_cast<std::uint32_t>(into.files.size());
  into.files.push_back(std::move(shard.stored));
  for (StoredTensor& tensor : shard.tensors) tensor.file = file;
  adapter.tensors = std::move(shard.tensors);
  std::sort(adapter.tensors.begin(), adapter.tensors.end(),
            [](const StoredTensor& a, const StoredTensor& b) { return a.info.name < b.info.name; });
  std::move(shard.warnings.begin(), shard.warnings.end(), std::back_inserter(into.warnings));
}

}  // namespace

Adapter read_adapter(const std::string& reference, const std::string& directory, double weight, Catalogue& into) {
  Adapter adapter;
  adapter.reference = reference;
  adapter.directory = directory;
  adapter.weight = weight;
  try {
    check_is_folder(directory);
    const ModelDirectory folder(directory);
    const std::string config = read_file(path_of(folder, config_file), max_json_bytes);
    const std::string shown = folder.shown(config_file);
    read_adapter_config(parse_json(config, shown, "REF020"), shown, adapter);
    add_tensors(folder, adapter, into);
  } catch (Error& error) {
    throw error.with("adapter", reference).in_model(into.model);
  }
  return adapter;
}

}  // namespace stockpot::io
