#include "io/checkpoint.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <optional>
#include <system_error>

#include "core/error.hpp"
#include "core/first_few.hpp"
#include "io/dcp_checkpoint.hpp"
#include "io/file_format.hpp"
#include "io/folder.hpp"
#include "io/json.hpp"
#include "io/model_config.hpp"
#include "io/model_directory.hpp"
#include "io/shard_index.hpp"
#include "io/small_file.hpp"
#include "io/weight_files.hpp"

namespace stockpot::io {
namespace {

namespace fs = std::filesystem;

/// Names under which the hub's libraries save a model, in the order in which they are looked for.
struct Layout {
  std::string index, single_file;
};
const Layout layouts[] = {
    {std::string(shard_index_file_name), "model.safetensors"},
    {"pytorch_model.bin.index.json", "pytorch_model.bin"},
};

/// Folder of a hub cache that holds all revisions of a model, and which of them there are; else nothing.
std::string cached_revisions(const ModelDirectory& directory) {
  std::error_code ignored;
  const fs::path folder(directory.path());
  const std::vector<std::string> snapshots = names_in((folder / "snapshots").string(), ignored);
  if (snapshots.empty()) return "";
  return fmt::format("a folder of a hub cache has its weights in snapshots: refer to {}, or to the model by its id",
                     (folder / "snapshots" / snapshots.front()).string());
}

/// @param foreign  what the folder is instead, if that is known.
[[noreturn]] void refuse_directory(const ModelDirectory& directory, const std::optional<ForeignFormat>& foreign) {
  constexpr std::size_t max_listed = 10;
  if (foreign) {
    throw Error(ErrorKind::corrupt_input, fmt::format("the folder holds {}", foreign->what))
        .code(foreign->code)
        .with("folder", directory.path())
        .hint(foreign->hint);
  }
  throw Error(ErrorKind::corrupt_input, "no weights that Stockpot knows are in this folder")
      .code("FMT001")
      .with("folder", directory.path())
      .with("seen", directory.names().empty() ? "nothing" : first_few(directory.names(), max_listed))
      .hint(cached_revisions(directory));
}

void check_names_differ(const Catalogue& catalogue) {
  const auto same = [](const StoredTensor& a, const StoredTensor& b) { return a.info.name == b.info.name; };
  const auto twice = std::adjacent_find(catalogue.tensors.begin(), catalogue.tensors.end(), same);
  if (twice == catalogue.tensors.end()) return;
  throw Error(ErrorKind::corrupt_input, "two files of a folder without index hold the same tensor")
      .code("FMT011")
      .in_file(catalogue.files[twice->file].path)
      .with("file", catalogue.files[std::next(twice)->file].path)
      .in_tensor(twice->info.name)
      .hint("give the file that is meant, or add an index");
}

void read_config(const ModelDirectory& directory, Catalogue& catalogue) {
  const std::string shown = directory.shown("config.json");
  const auto path = directory.resolve("config.json");
  if (!path && directory.in_hub_cache()) {
    throw Error(ErrorKind::corrupt_input, "a snapshot without config.json")
        .code("REF006")
        .in_file(shown)
        .hint("the model looks partly downloaded");
  }
  if (!path) {
    catalogue.warnings.push_back(fmt::format("{} is missing: layers are found by tensor names", shown));
    return;
  }
  const auto config = parse_json(read_file(*path, max_json_bytes), shown, "ARC001");
  if (!config.is_object()) {
    throw Error(ErrorKind::corrupt_input, "the file is not a JSON object").code("ARC001").in_file(shown);
  }
  catalogue.config = model_config(config, shown, catalogue.warnings);
}

void read_weights(const ModelDirectory& directory, Catalogue& catalogue) {
  for (const Layout& layout : layouts) {
    if (directory.has(layout.index)) return add_indexed_files(directory, layout.index, catalogue);
    if (directory.has(layout.single_file)) return add_file(directory, layout.single_file, catalogue);
  }
  if (const auto foreign = recognise_layout(directory.names())) refuse_directory(directory, foreign);
  if (is_dcp_checkpoint(directory)) return read_dcp_checkpoint(directory, catalogue);
  if (!add_all_files(directory, catalogue)) refuse_directory(directory, recognise_leftovers(directory.names()));
}

void read_directory(const std::string& path, Catalogue& catalogue) {
  const ModelDirectory directory(path);
  read_weights(directory, catalogue);
  read_config(directory, catalogue);
}

/// @param read  adds files, tensors and configuration to it.
template <class Read>
Catalogue catalogue_of(const std::string& model, const std::string& path, const Read& read) {
  Catalogue catalogue;
  catalogue.model = model;
  catalogue.directory = path;
  try {
    read(catalogue);
    std::sort(catalogue.tensors.begin(), catalogue.tensors.end(),
              [](const StoredTensor& a, const StoredTensor& b) { return a.info.name < b.info.name; });
    check_names_differ(catalogue);
  } catch (Error& error) {
    throw error.in_model(model);
  }
  return catalogue;
}

}  // namespace

Catalogue read_catalogue(const std::string& model, const std::string& path) {
  std::error_code unreadable;  // then opening it as a file says why
  const bool is_folder = fs::is_directory(path, unreadable);
  return catalogue_of(model, path, [&](Catalogue& catalogue) {
    is_folder ? read_directory(path, catalogue) : add_file(path, catalogue);
  });
}

Catalogue read_dcp_catalogue(const std::string& model, const std::string& path) {
  return catalogue_of(model, path, [&](Catalogue& catalogue) {
    const ModelDirectory directory(path);
    read_dcp_output(directory, catalogue);
    read_config(directory, catalogue);
  });
}

}  // namespace stockpot::io
