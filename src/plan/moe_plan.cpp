#include "plan/moe_plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "plan/moe_target_choice.hpp"
#include "plan/moe_tensors.hpp"
#include "plan/plan_builder.hpp"
#include "plan/plan_frame.hpp"
#include "plan/tied_heads.hpp"

namespace stockpot::plan {
namespace {

using recipe::MoeRequest;

constexpr std::uint64_t most_experts = 1024;  // published models have up to 512; the output has three tensors for each

/// What the recipe alone cannot tell, as it depends on the command line.
void check_request(const recipe::MergeDocument& document, const PlanOptions& options,
                   recipe::Diagnostics& diagnostics) {
  const MoeRequest& moe = *document.moe;
  if (moe.gate_mode != recipe::GateMode::random && moe.has_equal_experts() && !options.allow_same) {
    diagnostics.error("MOE005", moe.experts_at, "all experts are the same model",
                      "before it is trained such a model is no better than the dense one; --allow-same makes it");
  }
  if (moe.experts.size() > most_experts) {
    diagnostics.error("MOE009", moe.experts_at,
                      fmt::format("there are {} experts; at most {} are taken", moe.experts.size(), most_experts));
  }
  const recipe::Extensions& extensions = document.extensions;
  if (!extensions.overrides.empty() || !extensions.include.empty() || !extensions.exclude.empty()) {
    diagnostics.warn("CFG007", moe.experts_at, "'overrides', 'include' and 'exclude' have no effect on experts");
  }
}

void edit_config(const recipe::MergeDocument& document, const MoeTarget& target, const MoeTensors& made,
                 std::optional<bool> said_tied, MergePlan& plan) {
  const MoeRequest& moe = *document.moe;
  plan.config.architecture = std::string(target.class_name);
  plan.config.untie_head = made.has_head && said_tied.value_or(!says_tied(plan.models[plan.anchor]));
  plan.config.assignments = config_of(
      target, plan.models[plan.anchor].config.model_type,
      {moe.experts.size(), moe.shared_experts.size(), moe.experts_per_token, made.intermediate_size, made.stores_head});
}

void list_routers(const MoeTensors& made, MergePlan& plan) {
  for (const std::string& name : made.routers) {
    const auto at = std::ranges::lower_bound(
        plan.tensors, name, {}, [](const PlannedTensor& t) -> const std::string& { return t.output.name; });
    plan.routers.push_back(static_cast<std::uint32_t>(at - plan.tensors.begin()));
  }
}

}  // namespace

MergePlan plan_experts(const recipe::Recipe& recipe, const recipe::MergeDocument& document,
                       std::vector<Catalogue> catalogues, const PlanOptions& options, const PromptTokens* prompts) {
  const bool strict = options.strict || document.extensions.strict;
  recipe::Diagnostics diagnostics = begin_diagnostics(recipe);
  const ModelList models(document);
  const std::uint32_t anchor = models.index_of(document.anchor());
  const std::optional<bool> said_tied = catalogues[anchor].config.tied_embeddings;
  MergePlan plan = begin_plan(document, std::move(catalogues), anchor, options);
  if (prompts != nullptr) plan.prompts = *prompts;
  check_request(document, options, diagnostics);
  const MoeTarget* const target = choose_target(document, models, plan, diagnostics);
  diagnostics.throw_if_errors(strict);

  const Views views(plan.models, plan.anchor);
  const MoeTensors made = make_moe_tensors(document, *target, models, views, plan, diagnostics);
  diagnostics.throw_if_errors(strict);
  PlanBuilder builder(document, plan);
  builder.fill(made.tensors, diagnostics);
  diagnostics.throw_if_errors(strict);
  list_routers(made, plan);
  if (options.explain) builder.explain(*options.explain);
  edit_config(document, *target, made, said_tied, plan);
  finish_plan(recipe, document, options, {diagnostics, views, Differences()}, plan);
  return plan;
}

}  // namespace stockpot::plan
