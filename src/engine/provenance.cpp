#include "engine/provenance.hpp"

#include <filesystem>
#include <set>

#include "core/error.hpp"
#include "core/simd.hpp"
#include "core/version.hpp"
#include "io/published_output.hpp"
#include "io/shard_index.hpp"
#include "io/shown_reference.hpp"
#include "io/tree.hpp"

namespace stockpot::engine {
namespace {

/// Where a model and its adapters were found.
std::vector<std::string> places_of(const Catalogue& model) {
  std::vector<std::string> places{model.directory};
  for (const Adapter& adapter : model.adapters) places.push_back(adapter.directory);
  return places;
}

}  // namespace

io::Manifest manifest_of(const recipe::MergeDocument& document, const plan::MergePlan& plan,
                         const std::vector<io::TensorFile>& files, const std::vector<io::Digest>& digests) {
  io::Manifest manifest;
  manifest.stockpot_version = version;
  manifest.method = plan.method;
  manifest.recipe_sha256 = io::sha256_hex(document.text);
  manifest.seed = plan.seed;
  for (const Catalogue& model : plan.models) {
    io::Manifest::Input input{io::shown_reference(model.model), io::tensor_table_sha256(model.tensors), {}};
    for (const StoredFile& file : model.files) {
      input.files.push_back({printable(std::filesystem::path(file.path).filename().string()), file.bytes});
    }
    manifest.inputs.push_back(std::move(input));
  }
  std::vector<std::string> file_of(plan.tensors.size());
  for (const io::TensorFile& file : files) {
    std::vector<io::Digest> in_file;
    for (const std::uint32_t tensor : file.tensors) {
      if (plan.tensors[tensor].output.bytes() > 0) in_file.push_back(digests[tensor]);
      file_of[tensor] = file.name;
    }
    manifest.files.push_back({file.name, file.bytes, io::file_digest(file.header, in_file)});
  }
  for (std::size_t t = 0; t < plan.tensors.size(); ++t) {
    manifest.tensors.push_back({plan.tensors[t].output, file_of[t], digests[t]});
  }
  return manifest;
}

std::vector<io::Manifest::OutputFile> small_files_of(const io::Companions& companions, const std::string& directory) {
  std::set<std::string> names;
  for (const io::SmallFile& file : companions.files) names.insert(file.name);
  const std::string index(io::shard_index_file_name);
  if (io::stored_size(directory + "/" + index)) names.insert(index);
  std::vector<io::Manifest::OutputFile> files;
  for (const std::string& name : names) files.push_back(io::describe_small_file(directory, name));
  return files;
}

io::ModelCard card_of(const recipe::Recipe& recipe, const Stage& stage, const std::string& out) {
  const recipe::MergeDocument& document = recipe.documents[stage.document];
  io::ModelCard card;
  card.title = std::filesystem::path(out).lexically_normal().filename().string();
  std::vector<std::string> names{document.method};
  bool uses_base = document.moe.has_value();
  if (uses_base) {
    card.methods.push_back({"mixture of experts", ""});
    card.recipe_name = "mergekit_moe_config.yml";
  }
  for (const auto& override : document.extensions.overrides) {
    if (!document.moe) names.push_back(override.method);
  }
  for (const std::string& name : names) {
    const auto known = [&](const io::ModelCard::Method& method) { return method.name == name; };
    if (name.empty() || std::ranges::any_of(card.methods, known)) continue;
    const methods::MethodSpec* method = methods::find_method(name);
    card.methods.push_back({name, std::string(method->source)});
    uses_base = uses_base || method->base != methods::BaseUse::none;
  }
  card.recipe = document.text;
  const std::vector<recipe::ModelReference> models = document.models();
  for (std::size_t m = 0; m < models.size(); ++m) {
    const bool is_base = uses_base && document.base_model && *document.base_model == models[m];
    (is_base ? card.base : card.models).push_back(io::card_model(models[m].text, places_of(stage.plan.models[m])));
  }
  return card;
}

io::RunRecord record_of(const Stage& stage, const plan::Schedule& schedule, const JobOptions& options,
                        const JobSummary& summary) {
  const plan::MergePlan& plan = stage.plan;
  io::RunRecord record;
  record.stage = stage.name;
  record.stage_fingerprint = stage.made_of;
  if (stage.planned_as != stage.made_of) record.planned_fingerprint = stage.planned_as;
  record.commit = options.reliability.in_place ? "marker" : "rename";
  record.attempt = summary.attempt;
  record.units_resumed = summary.units_resumed;
  record.method = plan.method;
  record.seed = plan.seed;
  record.output_format = options.output_format;
  record.threads_per_rank = schedule.options.threads;
  record.memory_per_rank = schedule.options.memory_per_rank;
  record.unit_bytes = schedule.unit_bytes;
  record.chunk_bytes = schedule.options.chunk_bytes;
  record.planned_imbalance = schedule.balance.imbalance;
  record.made_with = summary.made_with;
  record.collectives = summary.collectives;
  record.instruction_set = name(active_instruction_set());
  for (const Catalogue& model : plan.models) {
    record.models.push_back({model.model, model.directory, model.data_bytes()});
  }
  record.ranks = summary.ranks;
  record.saturated = summary.saturated;
  for (const Remark& remark : options.remarks) record.warnings.push_back(to_text(remark));
  record.warnings.insert(record.warnings.end(), summary.remarks.begin(), summary.remarks.end());
  return record;
}

}  // namespace stockpot::engine
