// Whether two documents say the same, wherever in a file it stands.
#pragma once

#include <gtest/gtest.h>

#include "recipe/print.hpp"
#include "recipe/recipe.hpp"

namespace stockpot::recipe {

inline void expect_same(const ModelReference& a, const ModelReference& b) {
  EXPECT_EQ(a.text, b.text);
  EXPECT_EQ(a.path, b.path);
  EXPECT_EQ(a.revision, b.revision);
  EXPECT_EQ(a.override_architecture, b.override_architecture);
  ASSERT_EQ(a.adapters.size(), b.adapters.size());
  for (std::size_t i = 0; i < a.adapters.size(); ++i) {
    EXPECT_EQ(a.adapters[i].text, b.adapters[i].text);
    EXPECT_EQ(a.adapters[i].path, b.adapters[i].path);
    EXPECT_EQ(a.adapters[i].revision, b.adapters[i].revision);
    EXPECT_EQ(a.adapters[i].weight, b.adapters[i].weight);
  }
}

inline void expect_same(const std::optional<ModelReference>& a, const std::optional<ModelReference>& b) {
  ASSERT_EQ(a.has_value(), b.has_value());
  if (a) expect_same(*a, *b);
}

inline void expect_same(const Parameters& a, const Parameters& b) {
  ASSERT_EQ(a.entries.size(), b.entries.size());
  for (std::size_t i = 0; i < a.entries.size(); ++i) {
    EXPECT_EQ(a.entries[i].name, b.entries[i].name);
    const Setting &x = a.entries[i].setting, &y = b.entries[i].setting;
    ASSERT_EQ(x.layer_scale.has_value(), y.layer_scale.has_value());
    if (x.layer_scale) {
      EXPECT_EQ(x.layer_scale->alpha, y.layer_scale->alpha);
      EXPECT_EQ(x.layer_scale->beta, y.layer_scale->beta);
    }
    ASSERT_EQ(x.cases.size(), y.cases.size());
    for (std::size_t c = 0; c < x.cases.size(); ++c) {
      EXPECT_EQ(x.cases[c].filter, y.cases[c].filter);
      EXPECT_EQ(x.cases[c].values, y.cases[c].values);
    }
  }
}

inline void expect_same(const std::vector<Module>& a, const std::vector<Module>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t m = 0; m < a.size(); ++m) {
    EXPECT_EQ(a[m].name, b[m].name);
    expect_same(a[m].parameters, b[m].parameters);
    ASSERT_EQ(a[m].slices.size(), b[m].slices.size());
    for (std::size_t s = 0; s < a[m].slices.size(); ++s) {
      const OutputSlice &x = a[m].slices[s], &y = b[m].slices[s];
      expect_same(x.base_model, y.base_model);
      expect_same(x.parameters, y.parameters);
      ASSERT_EQ(x.sources.size(), y.sources.size());
      for (std::size_t i = 0; i < x.sources.size(); ++i) {
        expect_same(x.sources[i].model, y.sources[i].model);
        expect_same(x.sources[i].parameters, y.sources[i].parameters);
        EXPECT_EQ(x.sources[i].layers, y.sources[i].layers);
        EXPECT_EQ(x.sources[i].key, y.sources[i].key);
      }
    }
  }
}

inline void expect_same(const std::optional<TokenizerRequest>& a, const std::optional<TokenizerRequest>& b) {
  ASSERT_EQ(a.has_value(), b.has_value());
  if (!a) return;
  EXPECT_EQ(a->source, b->source);
  EXPECT_EQ(a->pad_to_multiple_of, b->pad_to_multiple_of);
  expect_same(a->model, b->model);
  ASSERT_EQ(a->tokens.size(), b->tokens.size());
  for (std::size_t i = 0; i < a->tokens.size(); ++i) {
    EXPECT_EQ(a->tokens[i].text, b->tokens[i].text);
    EXPECT_EQ(a->tokens[i].source, b->tokens[i].source);
    EXPECT_EQ(a->tokens[i].token, b->tokens[i].token);
    EXPECT_EQ(a->tokens[i].token_id, b->tokens[i].token_id);
    EXPECT_EQ(a->tokens[i].force, b->tokens[i].force);
    expect_same(a->tokens[i].model, b->tokens[i].model);
  }
}

inline void expect_same(const Extensions& a, const Extensions& b) {
  EXPECT_EQ(a.strict, b.strict);
  EXPECT_EQ(a.seed, b.seed);
  EXPECT_EQ(a.round_inputs, b.round_inputs);
  EXPECT_EQ(a.nonfinite, b.nonfinite);
  EXPECT_EQ(a.dequantize, b.dequantize);
  EXPECT_EQ(a.missing, b.missing);
  EXPECT_EQ(a.extra_tensors, b.extra_tensors);
  EXPECT_EQ(a.on_mismatch, b.on_mismatch);
  EXPECT_EQ(a.embedding_names, b.embedding_names);
  EXPECT_EQ(a.vocab_tensors, b.vocab_tensors);
  EXPECT_EQ(a.unlisted_modules, b.unlisted_modules);
  EXPECT_EQ(a.keep_tied_heads, b.keep_tied_heads);
  EXPECT_EQ(a.include, b.include);
  EXPECT_EQ(a.exclude, b.exclude);
  EXPECT_EQ(a.exclude_action, b.exclude_action);
  EXPECT_EQ(a.post_layer_t, b.post_layer_t);
  EXPECT_EQ(a.output_format, b.output_format);
  EXPECT_EQ(a.shard_bytes, b.shard_bytes);
  EXPECT_EQ(a.output_metadata, b.output_metadata);
  EXPECT_EQ(a.memory_per_rank, b.memory_per_rank);
  ASSERT_EQ(a.overrides.size(), b.overrides.size());
  for (std::size_t i = 0; i < a.overrides.size(); ++i) {
    EXPECT_EQ(a.overrides[i].filter, b.overrides[i].filter);
    EXPECT_EQ(a.overrides[i].method, b.overrides[i].method);
    expect_same(a.overrides[i].parameters, b.overrides[i].parameters);
  }
  ASSERT_EQ(a.renames.size(), b.renames.size());
  for (std::size_t i = 0; i < a.renames.size(); ++i) {
    EXPECT_EQ(a.renames[i].from, b.renames[i].from);
    EXPECT_EQ(a.renames[i].to, b.renames[i].to);
  }
}

/// All but places and the documents' own texts.
inline void expect_same(const std::vector<MergeDocument>& a, const std::vector<MergeDocument>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t d = 0; d < a.size(); ++d) {
    EXPECT_EQ(a[d].form, b[d].form);
    EXPECT_EQ(a[d].name, b[d].name);
    EXPECT_EQ(a[d].method, b[d].method);
    EXPECT_EQ(a[d].dtype, b[d].dtype);
    EXPECT_EQ(a[d].out_dtype, b[d].out_dtype);
    EXPECT_EQ(a[d].chat_template, b[d].chat_template);
    expect_same(a[d].base_model, b[d].base_model);
    expect_same(a[d].parameters, b[d].parameters);
    expect_same(a[d].modules, b[d].modules);
    expect_same(a[d].tokenizer, b[d].tokenizer);
    expect_same(a[d].extensions, b[d].extensions);
  }
}

/// What a recipe prints as must say the same when it is read again.
inline void expect_same_when_printed(const Recipe& recipe, Dialect dialect) {
  const std::string shown = print_recipe(recipe);
  SCOPED_TRACE(shown);
  try {
    expect_same(parse_recipe("printed.yml", shown, dialect).documents, recipe.documents);
  } catch (const Error& error) {
    ADD_FAILURE() << error.what();
  }
}

}  // namespace stockpot::recipe
