#include "engine/model_shelf.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <string_view>

#include "core/error.hpp"
#include "engine/same_bytes.hpp"
#include "io/adapter.hpp"
#include "plan/adapter_names.hpp"
#include "plan/head_names.hpp"
#include "plan/shapes.hpp"

namespace stockpot::engine {

namespace {

bool is_embedding(std::string_view name, const TensorInfo& tensor) {
  return plan::ends_with_any(name, plan::embedding_names) && tensor.shape.size() == 2;
}

std::optional<std::uint64_t> embedding_rows(const Catalogue& model) {
  const auto at = std::ranges::find_if(model.tensors, [](const auto& t) { return is_embedding(t.info.name, t.info); });
  return at == model.tensors.end() ? std::nullopt : std::optional(at->info.shape.front());
}

/// Of the input embedding that an adapter saves, by whichever of its names.
std::optional<std::uint64_t> embedding_rows(const Adapter& adapter) {
  for (const auto& [name, saved] : plan::read_adapter_names(adapter.tensors).saved) {
    const TensorInfo& info = adapter.tensors[saved.tensor].info;
    if (is_embedding(name, info)) return info.shape.front();
  }
  return std::nullopt;
}

/// The two numbers that a tensor of this type holds. A negative one comes out larger than any size.
template <class Stored>
Shape read_pair(const io::ByteSource& file, std::uint64_t offset) {
  std::array<Stored, 2> values{};
  file.read_at(offset, std::as_writable_bytes(std::span(values)));
  return {static_cast<std::uint64_t>(values[0]), static_cast<std::uint64_t>(values[1])};
}

}  // namespace

std::optional<std::uint64_t> ShelvedModel::token_rows() const {
  if (adapter_rows) return adapter_rows;
  const std::optional<std::uint64_t> vocab_size = catalogue.config.vocab_size;
  std::optional<std::uint64_t> most = vocab_size;
  for (const StoredTensor& tensor : catalogue.tensors) {
    if (!is_embedding(tensor.info.name, tensor.info)) continue;
    const std::uint64_t rows = tensor.info.shape.front();
    if (rows == vocab_size) return rows;  // the text's: the others are of other tokens, as in plan::VocabularyTensors
    most = std::max(most.value_or(0), rows);
  }
  return most;
}

void ModelShelf::put(const std::string& stage, ShelvedModel model) {
  stages_.insert_or_assign(stage, std::move(model));
  std::erase_if(models_, [&](const auto& known) { return known.second.path == stage; });
}

std::optional<std::string> ModelShelf::find(const std::string& path, const std::string& revision) const {
  try {
    return io::find_model(path, revision, places_).path;
  } catch (const Error&) {
    return std::nullopt;
  }
}

const ShelvedModel& ModelShelf::get(const recipe::MergeDocument& document, const recipe::ModelReference& reference) {
  const bool without_weights =
      !document.takes_part(reference) && reference.adapters.empty() && !stages_.contains(reference.path);
  if (without_weights) {
    const auto known = folders_.find(reference.text);
    return known != folders_.end() ? known->second
                                   : folders_.emplace(reference.text, find_folder(reference)).first->second;
  }
  const auto known = models_.find(reference.text);
  if (known != models_.end()) return known->second.model;
  return models_.emplace(reference.text, Known{reference.path, read(reference)}).first->second.model;
}

ShelvedModel ModelShelf::read(const recipe::ModelReference& reference) const {
  const auto stage = stages_.find(reference.path);
  ShelvedModel model = stage != stages_.end() ? stage->second : read_from_disk(reference);
  model.catalogue.model = reference.text;
  if (stage != stages_.end() && !reference.revision.empty()) {
    model.catalogue.warnings.push_back("REF010: '" + reference.path + "' is a stage: its revision is ignored");
  }
  if (dialect_ == recipe::Dialect::raw) model.catalogue.config = {};
  if (!reference.override_architecture.empty()) {
    model.catalogue.config.architectures = {reference.override_architecture};
  }
  add_adapters(reference, model);
  return model;
}

ShelvedModel ModelShelf::find_folder(const recipe::ModelReference& reference) const {
  io::FoundModel found = io::find_model(reference.path, reference.revision, places_);
  ShelvedModel model{{}, io::ModelFolder(found.path)};
  model.catalogue.model = reference.text;
  model.catalogue.directory = found.path;
  model.catalogue.warnings = std::move(found.warnings);
  return model;
}

ShelvedModel ModelShelf::read_from_disk(const recipe::ModelReference& reference) const {
  const io::FoundModel found = io::find_model(reference.path, reference.revision, places_);
  ShelvedModel model{io::read_catalogue(reference.text, found.path), io::ModelFolder(found.path)};
  auto& warnings = model.catalogue.warnings;
  warnings.insert(warnings.begin(), found.warnings.begin(), found.warnings.end());
  model.catalogue.tied_copies = find_tied_copies(model.catalogue);
  model.catalogue.packed_shapes = read_packed_shapes(model.catalogue);
  return model;
}

void ModelShelf::add_adapters(const recipe::ModelReference& reference, ShelvedModel& model) const {
  Catalogue& catalogue = model.catalogue;
  for (const auto& adapter : reference.adapters) {
    try {
      const io::FoundModel found = io::find_model(adapter.path, adapter.revision, places_);
      for (const std::string& warning : found.warnings) catalogue.warnings.push_back(warning);
      catalogue.adapters.push_back(io::read_adapter(adapter.text, found.path, adapter.weight, catalogue));
      const auto rows = embedding_rows(catalogue.adapters.back());
      if (!rows || rows == embedding_rows(catalogue)) continue;
      model.adapter_rows = rows;
      io::ModelFolder folder(found.path);
      if (folder.has("tokenizer.json")) model.adapter_tokenizer = std::move(folder);
    } catch (Error& error) {
      throw error.in_model(reference.text);
    }
  }
}

std::map<std::string, Shape> read_packed_shapes(const Catalogue& model) {
  std::map<std::string, Shape> shapes;
  InputFiles files(posix_source());
  for (const StoredTensor& tensor : model.tensors) {
    const DType dtype = tensor.info.dtype;
    if (!tensor.info.name.ends_with(".weight_shape") || tensor.info.shape != Shape{2}) continue;
    if (dtype != DType::i64 && dtype != DType::i32) continue;  // the plan refuses it
    const auto file = files.of(model, tensor);
    shapes.emplace(tensor.info.name, dtype == DType::i64 ? read_pair<std::int64_t>(*file, tensor.offset)
                                                         : read_pair<std::int32_t>(*file, tensor.offset));
  }
  return shapes;
}

std::vector<std::string> find_tied_copies(const Catalogue& model) {
  std::vector<std::string> copies;
  if (!model.config.tied_embeddings.value_or(true)) return copies;
  const auto named = [&](std::span<const std::string_view> names) {
    return std::ranges::find_if(model.tensors,
                                [&](const StoredTensor& t) { return plan::ends_with_any(t.info.name, names); });
  };
  const auto embedding = named(plan::embedding_names), head = named(plan::head_names);
  if (embedding == model.tensors.end() || head == model.tensors.end()) return copies;
  InputFiles files(posix_source());
  if (same_bytes({model, *embedding}, {model, *head}, files)) copies.push_back(head->info.name);
  return copies;
}

}  // namespace stockpot::engine
