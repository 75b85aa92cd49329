// Plans documents with experts: dense models of one family become one sparse model.
#pragma once

#include <vector>

#include "plan/plan.hpp"

namespace stockpot::plan {

/// As make_plan(), for a document with experts. What lies outside the feed-forward blocks is the base model's, copied;
/// experts are tensors of their models under other names; routers are drawn, made of the base's embedding, or taken from a file.
/// @throws Error(recipe) with diagnostics at the recipe's lines: MOE005 (all experts one model), MOE008 (models that do
///         not fit the architecture, or each other), MOE009 (a number of experts or a layout that it does not have), MOE010 (tokens
///         without an embedding), MOE011 (a file whose rows do not fit).
MergePlan plan_experts(const recipe::Recipe& recipe, const recipe::MergeDocument& document,
                       std::vector<Catalogue> catalogues, const PlanOptions& options, const PromptTokens* prompts);

}  // namespace stockpot::plan
