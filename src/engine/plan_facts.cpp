#include "engine/plan_facts.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <set>

#include "core/error.hpp"
#include "core/version.hpp"
#include "io/digest.hpp"
#include "io/manifest.hpp"

namespace stockpot::engine {
namespace {

/// How a model's adapters are added.
std::vector<Adapter> settings_of_adapters(const Catalogue& model) {
  std::vector<Adapter> adapters = model.adapters;
  for (Adapter& adapter : adapters) adapter.directory.clear();  // where it lies does not matter
  return adapters;
}

/// What a model's small files say that decides on bytes: layers, ties, quantisation, adapters.
std::string settings_digest(const Catalogue& model) {
  Catalogue settings;
  settings.config = model.config;
  settings.adapters = settings_of_adapters(model);
  settings.tied_copies = model.tied_copies;
  settings.packed_shapes = model.packed_shapes;
  return io::sha256_hex(settings.pack());
}

std::string adapters_digest(const Catalogue& model) {
  Catalogue settings;
  settings.adapters = settings_of_adapters(model);
  return io::sha256_hex(settings.pack());
}

/// By places in Catalogue::files.
std::set<std::uint32_t> files_of_adapters(const Catalogue& model) {
  std::set<std::uint32_t> files;
  for (const Adapter& adapter : model.adapters) {
    for (const StoredTensor& tensor : adapter.tensors) files.insert(tensor.file);
  }
  return files;
}

/// What the files of a model say of its bytes: an outside model's by name, size and time, a stage's by what it is made of, and
/// those of its adapters.
void add_model_facts(const Catalogue& model, const std::string& name, const std::map<std::string, std::string>& stages,
                     io::PlanFacts& facts) {
  facts.emplace_back(name + ", tensors", io::tensor_table_sha256(model.tensors));
  const auto stage = stages.find(model.directory);
  const bool is_stage = stage != stages.end();
  if (is_stage) {
    facts.emplace_back(name + ", made of", stage->second);
    if (!model.adapters.empty()) facts.emplace_back(name + ", adapters", adapters_digest(model));
  } else {
    facts.emplace_back(name + ", settings", settings_digest(model));
  }
  const std::set<std::uint32_t> of_adapters = files_of_adapters(model);
  for (std::uint32_t f = 0; f < model.files.size(); ++f) {
    if (is_stage && !of_adapters.contains(f)) continue;
    const StoredFile& file = model.files[f];
    facts.emplace_back(fmt::format("{}, {}", name, printable(std::filesystem::path(file.path).filename().string())),
                       fmt::format("{} bytes, changed at {} ns", file.bytes, file.modified_ns));
  }
}

}  // namespace

std::pair<std::string, std::string> fact_of_name(const Stage& stage) { return {"stage", stage.name}; }

io::PlanFacts facts_of(const Stage& stage, const recipe::MergeDocument& document, const StageOptions& options,
                       const std::map<std::string, std::string>& stages, std::string_view vocabulary) {
  const auto& adapter_dtype = options.plan.adapter_dtype;
  io::PlanFacts facts{{"Stockpot", std::string(version)},
                      {"numeric contract", std::string(numeric_contract)},
                      {"recipe", document.text},
                      {"seed", fmt::format("{}", stage.plan.seed)},
                      {"non-finite values", fmt::format("{}", static_cast<int>(stage.plan.nonfinite))},
                      {"cut embeddings", fmt::format("{}", options.plan.truncate_embeddings)},
                      {"type of merged adapters", std::string(adapter_dtype ? name(*adapter_dtype) : "not rounded")},
                      {"output format", stage.output_format}};
  if (!stage.name.empty()) facts.push_back(fact_of_name(stage));
  // What tokenizer.json files decide on.
  if (!vocabulary.empty()) facts.emplace_back("output vocabulary", io::sha256_hex(vocabulary));
  if (document.moe) facts.emplace_back("tokens of prompts", io::sha256_hex(stage.plan.prompts.pack()));
  for (const auto& shard : stage.plan.shards) {
    facts.emplace_back("output file " + shard.file_name, fmt::format("{} bytes of data", shard.data_bytes));
  }
  for (std::size_t m = 0; m < stage.plan.models.size(); ++m) {
    const Catalogue& model = stage.plan.models[m];
    add_model_facts(model, fmt::format("model {} ({})", m + 1, model.model), stages, facts);
  }
  return facts;
}

}  // namespace stockpot::engine
