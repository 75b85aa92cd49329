#include "engine/stage_planner.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "comm/agree.hpp"
#include "core/bytes.hpp"
#include "engine/model_errors.hpp"
#include "engine/output_format.hpp"
#include "engine/plan_facts.hpp"
#include "engine/router_condition.hpp"
#include "engine/rowless_tokens.hpp"
#include "engine/stage_model.hpp"
#include "engine/stage_prompts.hpp"
#include "engine/stage_tokenizer.hpp"
#include "io/digest.hpp"
#include "recipe/stages.hpp"

namespace stockpot::engine {
namespace {

/// Local. Companions count by their bytes: they are few, and a copy has other times than what it was copied from.
std::string made_of(const Stage& stage) {
  ByteWriter all;
  all.text(stage.fingerprint);
  for (const io::SmallFile& file : stage.companions.files) {
    all.text(file.name);
    all.text(io::sha256_hex(io::content_of(file)));
  }
  return io::sha256_hex(all.take());
}

}  // namespace

StagePlanner::StagePlanner(const comm::Communicator& comm, const recipe::Recipe& recipe, io::SearchPlaces places,
                           StageOptions options)
    : comm_(comm), recipe_(recipe), options_(std::move(options)), shelf_(std::move(places), options_.dialect) {}

Stage StagePlanner::plan(std::size_t index) {
  const recipe::MergeDocument& document = recipe_.documents[index];
  Stage stage;
  stage.document = index;
  stage.name = document.name;
  const std::string packed = comm::on_root(comm_, [&] { return read_models(document); });
  ByteReader in(packed);
  std::vector<Catalogue> models(in.number());
  for (Catalogue& model : models) model = Catalogue::unpack(in.text());
  const std::string vocabulary_bytes = in.text();
  const std::string prompt_bytes = in.text();
  stage.remarks = unpack_remarks(in.text());

  std::optional<OutputVocabulary> vocabulary;
  if (!vocabulary_bytes.empty()) vocabulary = OutputVocabulary::unpack(vocabulary_bytes);
  const PromptTokens prompts = PromptTokens::unpack(prompt_bytes);
  const plan::TextPlan text{vocabulary ? &*vocabulary : nullptr, &prompts};
  stage.plan =
      comm::agree(comm_, [&] { return plan::make_plan(recipe_, document, std::move(models), options_.plan, text); });
  stage.remarks.insert(stage.remarks.end(), stage.plan.remarks.begin(), stage.plan.remarks.end());
  choose_format(stage, document);
  stage.facts = facts_of(stage, document, options_, fingerprints_, vocabulary_bytes);
  stage.fingerprint = io::digest_of(stage.facts);
  if (!stage.name.empty()) fingerprints_[stage.name] = stage.fingerprint;
  plan_companions(stage, document);
  comm::agree(comm_, [&] {
    if (comm_.is_root()) stage.made_of = made_of(stage);
  });
  check_routers(stage, document);
  return stage;
}

/// Rank 0. The headers of all models, the vocabulary if the recipe asks for one, tokens of prompts, and warnings, packed.
/// All models that cannot be read are reported together.
std::string StagePlanner::read_models(const recipe::MergeDocument& document) {
  ModelErrors errors(recipe_);
  std::vector<const ShelvedModel*> models;
  const std::vector<recipe::ModelReference> references = document.models();
  for (const recipe::ModelReference& reference : references) {
    try {
      models.push_back(&shelf_.get(document, reference));
    } catch (const Error& error) {
      errors.add(error, reference);
    }
  }
  errors.raise();

  recipe::Diagnostics diagnostics(recipe_.path, recipe_.text);
  tokenizer_ = plan_tokenizer(document, models, diagnostics);
  const auto base = std::ranges::find(references, document.anchor());
  const auto prompts =
      encode_prompts(document, *models[static_cast<std::size_t>(base - references.begin())], diagnostics);
  try {
    diagnostics.throw_if_errors(options_.plan.strict || document.extensions.strict);
  } catch (Error& error) {
    refuse_vocabulary(document, models, std::move(error));
  }
  ByteWriter out;
  out.number(models.size());
  for (const ShelvedModel* model : models) out.text(model->catalogue.pack());
  out.text(tokenizer_.built ? tokenizer_.built->vocabulary.pack() : "");
  out.text(prompts ? prompts->pack() : "");
  std::vector<Remark> remarks;
  for (const ShelvedModel* model : models) {
    for (const std::string& warning : model->catalogue.warnings) {
      remarks.push_back(remark_about(model->catalogue.model, warning));
    }
  }
  std::ranges::move(diagnostics.remarks(), std::back_inserter(remarks));
  out.text(pack(remarks));
  return out.take();
}

/// What is wrong with the vocabulary, and with it what is wrong with the tensors, as far as that can be known without.
void StagePlanner::refuse_vocabulary(const recipe::MergeDocument& document, std::vector<const ShelvedModel*> models,
                                     Error error) const {
  if (document.moe) throw error;  // its prompts; a plan needs them
  std::vector<Catalogue> catalogues;
  for (const ShelvedModel* model : models) catalogues.push_back(model->catalogue);
  plan::PlanOptions without = options_.plan;
  without.truncate_embeddings = true;  // it is the vocabulary that would make them fit
  without.explain.reset();
  try {
    plan::make_plan(recipe_, document, std::move(catalogues), without);
  } catch (const Error& more) {
    std::vector<Remark> all = error.remarks();
    for (Remark& remark : more.remarks()) {
      if (std::ranges::find(all, remark) == all.end()) all.push_back(std::move(remark));
    }
    error.with_parts(std::move(all));
  }
  throw error;
}

Remark StagePlanner::placed(Remark remark, recipe::Position at) const {
  remark.file = recipe_.path;
  remark.line = at.line;
  remark.column = at.column;
  return remark;
}

/// The format that was asked for, unless the next stage could not read it.
void StagePlanner::choose_format(Stage& stage, const recipe::MergeDocument& document) const {
  constexpr const char* usual = "safetensors";
  stage.output_format = options_.output_format ? options_.output_format(document) : usual;
  if (is_input_format(stage.output_format) || !recipe::is_read_by_others(document, recipe_.documents)) return;
  Remark instead =
      remark_of(fmt::format("STG007: stage '{}' is written as {}: other documents read it, and {} can only be written",
                            stage.name, usual, stage.output_format),
                Severity::info);
  stage.remarks.push_back(placed(std::move(instead), document.name_at));
  stage.output_format = usual;
}

/// Collective. Rank 0 looks at rows of routers. Those of a base that is not made yet are not there.
void StagePlanner::check_routers(Stage& stage, const recipe::MergeDocument& document) {
  if (!document.moe) return;
  const std::string packed = comm::on_root(comm_, [&] {
    recipe::Diagnostics diagnostics(recipe_.path, recipe_.text);
    const std::string& source =
        document.takes_gate_vectors() ? document.extensions.gate_vectors->path : document.base_model->path;
    if (!unmade_.contains(source)) check_router_conditions(stage.plan, document, diagnostics);
    diagnostics.throw_if_errors(options_.plan.strict || document.extensions.strict);
    return pack(diagnostics.remarks());
  });
  std::ranges::move(unpack_remarks(packed), std::back_inserter(stage.remarks));
}

/// Collective. Rank 0 decides on the small files; their warnings are everyone's.
void StagePlanner::plan_companions(Stage& stage, const recipe::MergeDocument& document) {
  const std::string packed = comm::on_root(comm_, [&] {
    std::vector<Remark> remarks;
    if (options_.dialect == recipe::Dialect::raw) return pack(remarks);
    const auto models = document.models();
    const auto shelved = [&](std::size_t model) -> const ShelvedModel& { return shelf_.get(document, models[model]); };
    const ShelvedModel& anchor = shelved(stage.plan.anchor);
    io::CompanionRequest request;
    request.config = stage.plan.config;
    request.copy_tokenizer = options_.copy_tokenizer;
    request.chat_template = tokenizer_.chat_template;
    if (!request.config.vocab_size) request.config.vocab_size = anchor.adapter_rows;
    if (tokenizer_.built) {
      const auto& built = *tokenizer_.built;
      request.config.token_ids = built.token_ids;
      request.tokenizer = io::CompanionRequest::Tokenizer{{}, &shelved(built.donor).tokenizer_folder(), built.stale};
      for (const auto& [name, text] : built.files) request.tokenizer->made.emplace_back(name, text);
    } else if (anchor.adapter_tokenizer && options_.copy_tokenizer) {
      request.tokenizer = io::CompanionRequest::Tokenizer{{}, &*anchor.adapter_tokenizer, {}};
    }
    stage.companions = io::plan_companions(anchor.folder, request);
    for (const std::string& warning : stage.companions.warnings) remarks.push_back(remark_of(warning));
    io::ModelFolder output(stage.name, stage.companions.files);
    if (stage.plan.config.vocab_size && !tokenizer_.built) {
      auto rowless = rowless_tokens(output, *stage.plan.config.vocab_size);
      if (rowless) remarks.push_back(placed(std::move(*rowless), document.method_at));
    }
    if (!stage.name.empty()) {
      if (shelf_.find(stage.name)) {
        Remark hides = remark_of(fmt::format("STG004: '{}' is a model, too: references mean the stage", stage.name));
        remarks.push_back(placed(std::move(hides), document.name_at));
      }
      shelf_.put(stage.name, planned_model(stage, std::move(output)));
      unmade_.insert(stage.name);
    }
    return pack(remarks);
  });
  std::ranges::move(unpack_remarks(packed), std::back_inserter(stage.remarks));
}

void StagePlanner::finished(const Stage& stage, const std::string& directory, bool made_of_this) {
  if (made_of_this) fingerprints_[directory] = stage.fingerprint;
  comm::agree(comm_, [&] {
    if (!comm_.is_root() || !is_input_format(stage.output_format)) return;
    shelf_.put(stage.name, finished_model(stage, directory, made_of_this));
    unmade_.erase(stage.name);
  });
}

std::vector<std::string> StagePlanner::places_of(const recipe::MergeDocument& document) const {
  std::vector<std::string> places;
  const auto add = [&](const auto& model_or_adapter) {
    auto place = shelf_.find(model_or_adapter.path, model_or_adapter.revision);
    if (place) places.push_back(*std::move(place));
  };
  for (const recipe::ModelReference& model : document.models()) {
    const auto stage = std::ranges::find(recipe_.documents, model.path, &recipe::MergeDocument::name);
    if (stage == recipe_.documents.end()) add(model);
    std::ranges::for_each(model.adapters, add);
  }
  return places;
}

}  // namespace stockpot::engine
