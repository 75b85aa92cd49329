#include "recipe/recipe.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string_view>

#include "recipe/document_text.hpp"
#include "recipe/filter.hpp"
#include "recipe/merge_document.hpp"
#include "recipe/sources.hpp"
#include "recipe/stages.hpp"
#include "recipe/text.hpp"
#include "recipe/yaml.hpp"

namespace stockpot::recipe {
namespace {

/// Each model that is passed to add() once, in that order.
class ModelList {
 public:
  void add(const ModelReference& model) {
    if (known_.insert(model.text).second) models_.push_back(model);
  }
  bool has(const ModelReference& model) const { return known_.contains(model.text); }
  std::vector<ModelReference> take() { return std::move(models_); }

 private:
  std::vector<ModelReference> models_;
  std::set<std::string, std::less<>> known_;
};

/// Sources, then bases: all that the merge itself is about.
ModelList merged_models(const MergeDocument& document) {
  ModelList list;
  if (document.moe) {
    for (const Expert& expert : document.moe->experts) list.add(expert.model);
    for (const Expert& expert : document.moe->shared_experts) list.add(expert.model);
  }
  for (const Module& module : document.modules) {
    for (const OutputSlice& slice : module.slices) {
      for (const InputSlice& source : slice.sources) list.add(source.model);
    }
  }
  for (const Module& module : document.modules) {
    for (const OutputSlice& slice : module.slices) {
      if (slice.base_model) list.add(*slice.base_model);
    }
  }
  if (document.base_model) list.add(*document.base_model);
  return list;
}

/// Rows of embeddings come from models that are read anyway.
void check_token_models(const MergeDocument& document, Diagnostics& diagnostics) {
  if (!document.tokenizer) return;
  const ModelList merged = merged_models(document);
  for (const TokenRequest& token : document.tokenizer->tokens) {
    if (!token.model || merged.has(*token.model)) continue;
    diagnostics.error("TOK034", token.model->at,
                      fmt::format("token {} takes its row from {}, which is not a model of this merge",
                                  in_quotes(token.text), in_quotes(token.model->text)),
                      "name one of the models or the base model");
  }
}

// Their compilation takes time and memory, which the limits on text alone do not bound.
constexpr std::uint64_t max_unfolded_expressions = 1'000'000;

/// Adds up what all texts under a node unfold to that will be read as regular expressions.
std::uint64_t unfolded_expressions(const Node& node, std::string_view key) {
  if (node.is_scalar()) return node.text.starts_with("re:") || key == "from" ? unfolded_characters(node.text) : 0;
  std::uint64_t sum = 0;
  for (const Node::Member& member : node.members()) sum += unfolded_expressions(member.value, member.key);
  return sum;
}

void check_expressions(const std::vector<Node>& nodes, Diagnostics& diagnostics) {
  std::uint64_t sum = 0;
  for (const Node& node : nodes) sum += unfolded_expressions(node, "");
  if (sum <= max_unfolded_expressions) return;
  diagnostics.stop("CFG001", {},
                   fmt::format("the recipe is too large: its regular expressions unfold to {} characters; at most {} "
                               "are read",
                               sum, max_unfolded_expressions));
}

std::vector<MergeDocument> read_documents(std::string_view text, Dialect dialect, Diagnostics& diagnostics) {
  const std::string_view yaml = without_mark(text);
  check_text(yaml, diagnostics);
  const std::vector<Node> nodes = read_yaml(yaml, diagnostics);
  check_expressions(nodes, diagnostics);
  if (nodes.empty()) {
    diagnostics.error("CFG010", {}, "the recipe is empty", "it needs at least 'merge_method' and 'models'");
  }
  if (nodes.size() > 1 && dialect == Dialect::raw) {
    diagnostics.error("CFG015", nodes[1].at, "a raw recipe is one document: its stages cannot be several",
                      "write each merge into a file of its own, and run them one after the other");
  }
  std::vector<Position> begins;
  for (const Node& node : nodes) begins.push_back(node.at);
  const std::vector<std::string_view> texts = document_texts(text, begins, diagnostics);
  std::vector<MergeDocument> documents;
  for (std::size_t n = 0; n < nodes.size(); ++n) {
    auto document = read_merge_document(nodes[n], dialect, diagnostics);
    if (!document) continue;
    document->text = texts[n];
    documents.push_back(std::move(*document));
  }
  if (nodes.size() == 1 && !documents.empty()) {  // a name without others to use it
    documents[0].name.clear();
    documents[0].name_at = {};
  }
  return documents;
}

/// What shows only when all documents are known.
void check_together(std::vector<MergeDocument>& documents, Dialect dialect, Diagnostics& diagnostics) {
  if (documents.size() > 1 && dialect == Dialect::merge) {
    settle_stage_references(documents, diagnostics);
    stage_order(documents, diagnostics);
  }
  for (const MergeDocument& document : documents) {
    check_repetitions(document, diagnostics);
    check_token_models(document, diagnostics);
  }
}

}  // namespace

std::vector<ModelReference> MergeDocument::models() const {
  ModelList list = merged_models(*this);
  if (tokenizer && tokenizer->model) list.add(*tokenizer->model);
  if (tokenizer) {
    for (const TokenRequest& token : tokenizer->tokens) {
      if (token.model) list.add(*token.model);
    }
  }
  if (takes_gate_vectors()) list.add(*extensions.gate_vectors);
  return list.take();
}

bool MergeDocument::takes_part(const ModelReference& model) const {
  return merged_models(*this).has(model) || (takes_gate_vectors() && model == *extensions.gate_vectors);
}

const ModelReference& MergeDocument::anchor() const {
  if (base_model) return *base_model;
  for (const Module& module : modules) {
    for (const OutputSlice& slice : module.slices) {
      if (!slice.sources.empty()) return slice.sources.front().model;
    }
  }
  throw Error(ErrorKind::internal, "a document without models has no anchor");
}

Recipe read_recipe(std::string path, std::string text, Dialect dialect) {
  Recipe recipe{.path = path, .text = text, .documents = {}, .diagnostics = Diagnostics(path, std::move(text))};
  try {
    recipe.documents = read_documents(recipe.text, dialect, recipe.diagnostics);
  } catch (const Error&) {
    if (!recipe.diagnostics.has_errors()) throw;  // else stop() was called, and has left the reason there
  }
  check_together(recipe.documents, dialect, recipe.diagnostics);
  return recipe;
}

Recipe parse_recipe(std::string path, std::string text, Dialect dialect) {
  Recipe recipe = read_recipe(std::move(path), std::move(text), dialect);
  const bool strict = std::any_of(recipe.documents.begin(), recipe.documents.end(),
                                  [](const MergeDocument& document) { return document.extensions.strict; });
  recipe.diagnostics.throw_if_errors(strict);
  return recipe;
}

}  // namespace stockpot::recipe
