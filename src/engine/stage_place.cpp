#include "engine/stage_place.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "core/error.hpp"
#include "engine/output_format.hpp"
#include "io/dcp_metadata.hpp"
#include "io/hdf5_sink.hpp"
#include "io/output_place.hpp"
#include "io/run_record.hpp"
#include "io/tree.hpp"

namespace stockpot::engine {
namespace {

namespace fs = std::filesystem;

/// Whether a stage that is to have this format may be there already. One that others read may be of any that can be read.
bool holds_weights(const fs::path& place, std::string_view format) {
  if (!is_input_format(format)) return fs::exists(place / io::hdf5_file_name);
  return fs::exists(place / "model.safetensors") || fs::exists(place / "model.safetensors.index.json") ||
         fs::exists(place / io::dcp_folder / io::dcp_metadata_name);
}

}  // namespace

io::OutputPlace place_of(const Stage& stage, const std::string& out, const JobOptions& options) {
  const bool takes_space = options.writing != io::Writing::sparse;
  io::OutputPlace place{.out = out, .inputs = {}, .needed_bytes = takes_space ? stage.plan.output_bytes() : 0};
  for (const Catalogue& model : stage.plan.models) place.inputs.push_back(model.directory);
  place.made_of = stage.planned_as;
  return place;
}

std::uint64_t missing_bytes(const io::OutputPlace& stage, const std::string& out) {
  if (!io::share_file_system(stage.out, out)) return 0;
  return io::unallocated_bytes(stage.out + io::staging_suffix, stage.needed_bytes);
}

std::vector<std::string> places_of_inputs(std::span<const Stage> stages) {
  std::vector<std::string> places;
  for (const Stage& stage : stages) {
    for (const Catalogue& model : stage.plan.models) {
      const bool is_made = std::ranges::find(stages, model.directory, &Stage::name) != stages.end();
      if (!is_made) places.push_back(model.directory);
      for (const Adapter& adapter : model.adapters) places.push_back(adapter.directory);
    }
  }
  return places;
}

Found find_stage(const Stage& stage, const std::string& directory, bool may_be_foreign, const io::LockClaim& claim) {
  const fs::path place(directory);
  if (io::is_unfinished(directory) || !holds_weights(place, stage.output_format)) return Found::nothing;
  if (io::is_made_of(directory, stage.planned_as)) {
    const auto is_there = [&](const io::SmallFile& file) { return fs::exists(place / file.name); };
    if (!std::ranges::all_of(stage.companions.files, is_there)) return Found::nothing;
    io::Staging::remove_leftovers({.out = directory, .inputs = {}, .needed_bytes = 0, .claim = claim});
    return Found::made_of_this;
  }
  const bool is_ours = io::holds_own_output(directory);
  return may_be_foreign && !is_ours && fs::exists(place / "config.json") ? Found::made_elsewhere : Found::nothing;
}

bool is_of(const Stage& stage, const std::string& directory) { return io::is_recorded_as(directory, stage.planned_as); }

bool holds_other_stage(const Stage& stage, const std::string& directory) {
  std::error_code failure;  // one that was moved aside is being replaced already
  return fs::is_directory(directory, failure) && io::holds_stage(directory, stage.name) && !is_of(stage, directory);
}

void refuse_foreign(const Stage& stage, const std::string& directory) {
  std::error_code failure;  // then making the stage says what it is
  if (!fs::is_directory(directory, failure) || fs::is_empty(directory, failure)) return;
  if (io::holds_stage(directory, stage.name)) return;
  throw io::exists_error(fmt::format("what no merge made as stage '{}' lies where it is to go", printable(stage.name)),
                         directory)
      .code("OUT001")
      .hint("move it elsewhere, choose another --intermediate-dir, or replace it with --overwrite");
}

void remove_stage(const std::string& place, const std::string& name, const io::LockClaim& claim) {
  const std::string directory = (fs::path(place) / name).string();
  io::Staging::remove_leftovers({.out = directory, .inputs = {}, .needed_bytes = 0, .claim = claim});
  std::error_code failure;
  try {
    if (!fs::is_symlink(directory)) {
      io::remove_entries(directory, [](const std::string& file) { return file == io::run_record_file_name; });
    }
    io::remove_tree(directory);  // with what says whose it is last: whoever is killed meanwhile goes on with it
  } catch (const std::exception&) {
    return;
  }
  for (fs::path above = fs::path(name).parent_path(); !failure && !above.empty(); above = above.parent_path()) {
    fs::remove(place / above, failure);
  }
}

}  // namespace stockpot::engine
