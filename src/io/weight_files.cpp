#include "io/weight_files.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <map>
#include <optional>
#include <regex>
#include <string_view>
#include <utility>
#include <vector>

#include "core/error.hpp"
#include "core/first_few.hpp"
#include "io/json.hpp"
#include "io/shard_file.hpp"
#include "io/shard_index.hpp"
#include "io/small_file.hpp"

namespace stockpot::io {
namespace {

constexpr std::size_t max_tensors = 4'000'000;
constexpr std::size_t max_listed = 10;

std::string listed(const std::vector<std::string>& names) { return first_few(names, max_listed); }

/// Takes over the file and those of its tensors that `wanted` accepts.
template <class Wanted>
void add_shard(Catalogue& catalogue, ShardFile shard, const Wanted& wanted) {
  const auto file = static_cast<std::uint32_t>(catalogue.files.size());
  catalogue.files.push_back(std::move(shard.stored));
  for (StoredTensor& tensor : shard.tensors) {
    if (!wanted(tensor.info.name)) continue;
    tensor.file = file;
    catalogue.tensors.push_back(std::move(tensor));
  }
  if (catalogue.tensors.size() > max_tensors) {
    throw Error(ErrorKind::corrupt_input, fmt::format("the model has more than {} tensors", max_tensors))
        .code("FMT005");
  }
  std::move(shard.warnings.begin(), shard.warnings.end(), std::back_inserter(catalogue.warnings));
}

constexpr auto every_tensor = [](std::string_view) { return true; };

/// The real paths of all shards, before any is opened: a partly downloaded model is reported at once, with all that it
/// lacks.
std::vector<std::string> shard_paths(const ModelDirectory& directory, const ShardIndex& index,
                                     const std::string& index_path) {
  std::vector<std::string> paths, missing;
  for (const auto& shard : index.shards) {
    if (auto path = directory.resolve(shard.file)) {
      paths.push_back(*std::move(path));
    } else {
      missing.push_back(shard.file);
    }
  }
  if (missing.empty()) return paths;
  throw Error(ErrorKind::corrupt_input,
              fmt::format("{} of {} shards that the index names are missing", missing.size(), index.shards.size()))
      .code("REF006")
      .in_file(index_path)
      .with("missing", listed(missing))
      .hint("the model looks partly downloaded or copied");
}

/// Every tensor that the index puts into a shard must be there; others in it are left out, which is said once.
void add_indexed_shard(Catalogue& catalogue, const ShardIndex::Shard& indexed, const std::string& real_path,
                       const std::string& shown) {
  ShardFile shard = read_shard(real_path, shown);
  std::vector<std::string> stored;
  for (const StoredTensor& tensor : shard.tensors) stored.push_back(tensor.info.name);
  std::sort(stored.begin(), stored.end());
  std::vector<std::string> lacking, extra;
  std::set_difference(indexed.tensors.begin(), indexed.tensors.end(), stored.begin(), stored.end(),
                      std::back_inserter(lacking));
  std::set_difference(stored.begin(), stored.end(), indexed.tensors.begin(), indexed.tensors.end(),
                      std::back_inserter(extra));
  if (!lacking.empty()) {
    throw Error(ErrorKind::corrupt_input,
                fmt::format("the index puts {} tensors into a file that lacks them", lacking.size()))
        .code("FMT010")
        .in_file(shown)
        .in_tensor(listed(lacking))
        .hint("index and shards are not of the same model");
  }
  if (!extra.empty()) {
    catalogue.warnings.push_back(
        fmt::format("{}: {} tensors that the index does not name are ignored: {}", shown, extra.size(), listed(extra)));
  }
  add_shard(catalogue, std::move(shard), [&](const std::string& name) {
    return std::binary_search(indexed.tensors.begin(), indexed.tensors.end(), name);
  });
}

/// Weight files of a folder without index: not adapters, not variants such as model.fp16.safetensors.
std::vector<std::string> weight_files(const ModelDirectory& directory) {
  std::vector<std::string> files;
  for (const std::string& name : directory.names()) {
    const bool is_variant = name.starts_with("model.");
    if (name.ends_with(".safetensors") && !name.starts_with("adapter_") && !is_variant) files.push_back(name);
  }
  return files;
}

/// "model-00001-of-00004.safetensors": what comes before the number, and how many there are.
std::optional<std::pair<std::string, std::size_t>> series_of(std::string_view name) {
  static const std::regex pattern(R"((.*)-\d+-of-(\d{1,9})\.safetensors)");
  std::cmatch found;
  if (!std::regex_match(name.data(), name.data() + name.size(), found, pattern)) return std::nullopt;
  return std::pair(found.str(1), std::stoull(found.str(2)));
}

/// Names tell how many files there were to be, even without an index.
void check_complete(const ModelDirectory& directory, const std::vector<std::string>& files) {
  std::map<std::pair<std::string, std::size_t>, std::size_t> seen;
  for (const std::string& name : files) {
    if (const auto series = series_of(name)) ++seen[*series];
  }
  for (const auto& [series, there] : seen) {
    if (there >= series.second) continue;
    throw Error(ErrorKind::corrupt_input,
                fmt::format("only {} of {} shards are there, and no index", there, series.second))
        .code("REF006")
        .with("folder", directory.path())
        .with("shards", fmt::format("{}-*-of-*.safetensors", printable(series.first)))
        .hint("the model looks partly downloaded or copied");
  }
}

}  // namespace

void add_indexed_files(const ModelDirectory& directory, const std::string& index_name, Catalogue& catalogue) {
  const std::string index_path = directory.shown(index_name);
  const auto real_index = directory.resolve(index_name);
  if (!real_index)
    throw Error(ErrorKind::corrupt_input, "the index is a broken link").code("REF006").in_file(index_path);
  const ShardIndex index = parse_shard_index(read_file(*real_index, max_json_bytes), index_path);
  if (index.shards.empty()) {
    throw Error(ErrorKind::corrupt_input, "the index names no tensors").code("FMT001").in_file(index_path);
  }
  const auto paths = shard_paths(directory, index, index_path);
  for (std::size_t i = 0; i < paths.size(); ++i) {
    add_indexed_shard(catalogue, index.shards[i], paths[i], directory.shown(index.shards[i].file));
  }
  const std::uint64_t bytes = catalogue.data_bytes();
  if (index.total_bytes && *index.total_bytes != static_cast<double>(bytes)) {
    catalogue.warnings.push_back(
        fmt::format("{}: total_size is {:.0f}, the tensors have {} bytes", index_path, *index.total_bytes, bytes));
  }
}

void add_file(const ModelDirectory& directory, const std::string& name, Catalogue& catalogue) {
  const auto path = directory.resolve(name);
  if (!path) {
    throw Error(ErrorKind::corrupt_input, "the file is a broken link").code("REF006").in_file(directory.shown(name));
  }
  add_shard(catalogue, read_shard(*path, directory.shown(name)), every_tensor);
}

void add_file(const std::string& path, Catalogue& catalogue) {
  add_shard(catalogue, read_shard(path, path), every_tensor);
}

bool add_all_files(const ModelDirectory& directory, Catalogue& catalogue) {
  const auto files = weight_files(directory);
  if (files.empty()) return false;
  check_complete(directory, files);
  for (const std::string& name : files) add_file(directory, name, catalogue);
  if (files.size() > 1) {
    catalogue.warnings.push_back(fmt::format("FMT012: {} has {} weight files and no index: all of them are read",
                                             directory.path(), files.size()));
  }
  return true;
}

}  // namespace stockpot::io
