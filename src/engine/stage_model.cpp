#include "engine/stage_model.hpp"

#include <algorithm>
#include <cstdint>

#include "io/checkpoint.hpp"
#include "io/json.hpp"
#include "io/model_config.hpp"

namespace stockpot::engine {
namespace {

Catalogue planned_catalogue(const Stage& stage) {
  Catalogue made;
  made.model = made.directory = stage.name;
  for (const partition::Shard& shard : stage.plan.shards) {
    for (const auto& entry : shard.entries) {
      made.tensors.push_back(
          {stage.plan.tensors[entry.tensor].output, static_cast<std::uint32_t>(made.files.size()), entry.offset});
    }
    made.files.push_back({shard.file_name, shard.data_bytes, 0, 0});
  }
  std::ranges::sort(made.tensors, {},
                    [](const StoredTensor& tensor) -> const std::string& { return tensor.info.name; });
  return made;
}

void set_planned_config(const io::ModelFolder& folder, Catalogue& made) {
  const auto text = folder.text("config.json");
  if (!text) return;
  made.config = io::model_config(io::parse_json(*text, folder.shown("config.json"), "ARC001"),
                                 folder.shown("config.json"), made.warnings);
}

}  // namespace

ShelvedModel planned_model(const Stage& stage, io::ModelFolder output) {
  ShelvedModel made{planned_catalogue(stage), std::move(output)};
  set_planned_config(made.folder, made.catalogue);
  return made;
}

ShelvedModel finished_model(const Stage& stage, const std::string& directory, bool made_of_this) {
  ShelvedModel made{io::read_catalogue(stage.name, directory), io::ModelFolder(directory)};
  if (made_of_this) {  // no warning is said again in other words
    made.folder.show_as(stage.name);
    made.catalogue.warnings.clear();
    set_planned_config(made.folder, made.catalogue);
  }
  made.catalogue.tied_copies = find_tied_copies(made.catalogue);
  return made;
}

}  // namespace stockpot::engine
