// The commands that merge: they differ in what their line takes, and in where their recipe comes from.
#pragma once

#include <string>

#include "app/options.hpp"
#include "recipe/recipe.hpp"

namespace stockpot::app {

struct MergeKind {
  CommandLine line;
  recipe::Dialect dialect = recipe::Dialect::merge;
  bool experts_only = false;  ///< the recipe has to be of documents with `experts`
  std::string (*recipe_text)(const Values&) =
      nullptr;  ///< makes the recipe of the line; null: its first argument is one
};

MergeKind convert_kind();
MergeKind merge_kind();
MergeKind moe_kind();
MergeKind multi_kind();
MergeKind raw_kind();

}  // namespace stockpot::app
