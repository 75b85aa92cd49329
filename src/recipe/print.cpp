#include "recipe/print.hpp"

#include "recipe/print_extensions.hpp"
#include "recipe/print_moe.hpp"
#include "recipe/print_parameters.hpp"
#include "recipe/yaml_writer.hpp"

namespace stockpot::recipe {
namespace {

void write_adapters(YamlWriter& out, const ModelReference& reference) {
  out.key("adapters").begin_list(Style::flow);
  for (const ModelReference::Adapter& adapter : reference.adapters) {
    out.begin_map(Style::flow).key("path").begin_map(Style::flow).key("path").text(adapter.path);
    if (!adapter.revision.empty()) out.key("revision").text(adapter.revision);
    out.end_map().key("weight").number(adapter.weight).end_map();
  }
  out.end_list();
}

/// Whether the source of a tokenizer, written so, is not the model of this text.
bool means_something_else(std::string_view text) {
  return text == "union" || text == "base" || text.starts_with(tokenizer_model_prefix);
}

/// As a string, unless that cannot say it, or is a word of its own in this place.
void write_reference(YamlWriter& out, const ModelReference& reference, bool words_have_meaning = false) {
  const bool is_word = words_have_meaning && means_something_else(reference.text);
  if (has_string_form(reference) && !is_word) {
    out.text(reference.text);
    return;
  }
  out.begin_map(Style::flow).key("model").begin_map(Style::flow).key("path").text(reference.path);
  if (!reference.revision.empty()) out.key("revision").text(reference.revision);
  out.end_map();
  if (!reference.adapters.empty()) write_adapters(out, reference);
  if (!reference.override_architecture.empty()) {
    out.key("override_architecture").text(reference.override_architecture);
  }
  out.end_map();
}

void write_sources(YamlWriter& out, const std::vector<InputSlice>& sources) {
  out.begin_list();
  for (const InputSlice& source : sources) {
    out.begin_map().key("model");
    write_reference(out, source.model);
    out.key("key").text(source.key);
    if (source.layers) {
      out.key("layer_range").begin_list(Style::flow);
      out.whole(source.layers->first).whole(source.layers->second).end_list();
    }
    write_parameters(out, source.parameters);
    out.end_map();
  }
  out.end_list();
}

void write_slices(YamlWriter& out, const std::vector<OutputSlice>& slices) {
  out.begin_list();
  for (const OutputSlice& slice : slices) {
    out.begin_map().key("sources");
    write_sources(out, slice.sources);
    if (slice.base_model) {
      out.key("base_model");
      write_reference(out, *slice.base_model);
    }
    write_parameters(out, slice.parameters);
    out.end_map();
  }
  out.end_list();
}

/// `models:` where sources are whole models, else `slices:`.
void write_module(YamlWriter& out, const Module& module) {
  const bool whole = module.slices.size() == 1 && !module.slices.front().sources.empty() &&
                     !module.slices.front().sources.front().layers;
  out.key(whole ? "models" : "slices");
  if (whole) {
    write_sources(out, module.slices.front().sources);
  } else {
    write_slices(out, module.slices);
  }
}

void write_inputs(YamlWriter& out, const MergeDocument& document) {
  if (document.form != Form::modules) {
    for (const Module& module : document.modules) write_module(out, module);
    return;
  }
  out.key("modules").begin_map();
  for (const Module& module : document.modules) {
    out.key(module.name).begin_map();
    write_module(out, module);
    write_parameters(out, module.parameters);
    out.end_map();
  }
  out.end_map();
}

void write_token_source(YamlWriter& out, const TokenRequest& token) {
  if (token.source == TokenRequest::Source::by_models) return;
  out.key("source");
  if (token.source == TokenRequest::Source::model) return write_reference(out, token.model.value());
  out.begin_map(Style::flow).key("kind");
  if (token.source == TokenRequest::Source::zero) {
    out.text("zero").end_map();
    return;
  }
  out.text("model_token").key("model");
  write_reference(out, token.model.value());
  if (token.token) out.key("token").text(*token.token);
  if (token.token_id) out.key("token_id").whole(*token.token_id);
  out.end_map();
}

void write_tokenizer(YamlWriter& out, const TokenizerRequest& tokenizer) {
  out.key("tokenizer").begin_map().key("source");
  if (tokenizer.source == TokenizerRequest::Source::model) {
    write_reference(out, tokenizer.model.value(), true);
  } else {
    out.text(tokenizer.source == TokenizerRequest::Source::base ? "base" : "union");
  }
  out.key("pad_to_multiple_of").whole(tokenizer.pad_to_multiple_of);
  if (!tokenizer.tokens.empty()) {
    out.key("tokens").begin_map();
    for (const TokenRequest& token : tokenizer.tokens) {
      out.key(token.text).begin_map();
      write_token_source(out, token);
      out.key("force").boolean(token.force).end_map();
    }
    out.end_map();
  }
  out.end_map();
}

void write_document(YamlWriter& out, const MergeDocument& document) {
  out.begin_map();
  if (!document.name.empty()) out.key("name").text(document.name);
  if (!document.moe) out.key("merge_method").text(document.method);
  if (document.base_model) {
    out.key("base_model");
    write_reference(out, *document.base_model);
  }
  if (document.moe) {
    write_moe(out, *document.moe, [](YamlWriter& to, const ModelReference& model) { write_reference(to, model); });
  } else {
    write_inputs(out, document);
    write_parameters(out, document.parameters);
  }
  if (document.dtype) out.key("dtype").text(recipe_name(*document.dtype));
  if (document.out_dtype) out.key("out_dtype").text(recipe_name(*document.out_dtype));
  if (document.tokenizer) write_tokenizer(out, *document.tokenizer);
  if (document.chat_template) out.key("chat_template").text(*document.chat_template);
  out.key("stockpot");
  write_extensions(out, document.extensions);
  out.end_map();
}

}  // namespace

std::string print_recipe(const Recipe& recipe) {
  YamlWriter out;
  for (const MergeDocument& document : recipe.documents) {
    if (recipe.documents.size() > 1) out.begin_document();
    write_document(out, document);
  }
  return out.take();
}

}  // namespace stockpot::recipe
