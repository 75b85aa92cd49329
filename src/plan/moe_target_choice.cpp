#include "plan/moe_target_choice.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace stockpot::plan {
namespace {

using recipe::ExpertLayout;
using recipe::in_quotes;
using recipe::MoeRequest;

class TargetChoice {
 public:
  TargetChoice(const recipe::MergeDocument& document, const ModelList& models, const MergePlan& plan,
               recipe::Diagnostics& diagnostics)
      : document_(document), moe_(*document.moe), models_(models), plan_(plan), diagnostics_(diagnostics) {}

  const MoeTarget* choose() const {
    if (!types_are_equal()) return nullptr;
    if (moe_.architecture) {
      const MoeTarget& named = *std::ranges::find(moe_targets(), *moe_.architecture, &MoeTarget::architecture);
      return fits(named) ? &named : nullptr;
    }
    for (const MoeTarget& target : moe_targets()) {
      if (target.takes(type(plan_.anchor)) && why_not_shared(target).empty() && has_layout(target)) return &target;
    }
    diagnostics_.error(
        "MOE008", moe_.experts_at,
        fmt::format("no architecture takes models of type {} with {} shared expert{}", in_quotes(type(plan_.anchor)),
                    moe_.shared_experts.size(), moe_.shared_experts.size() == 1 ? "" : "s"),
        "mixtral: llama or mistral, none shared; deepseek: the same, at most one without prompts; "
        "qwen2_moe: also qwen2, one shared; qwen3_moe: qwen3, none shared");
    return nullptr;
  }

 private:
  bool is_file_of_rows(std::uint32_t model) const {
    return document_.takes_gate_vectors() && models_.all()[model] == *document_.extensions.gate_vectors;
  }
  const std::string& type(std::uint32_t model) const { return plan_.models[model].config.model_type; }

  bool types_are_equal() const {
    bool equal = true;
    for (std::uint32_t m = 0; m < plan_.models.size(); ++m) {
      if (type(m) == type(plan_.anchor) || is_file_of_rows(m)) continue;
      equal = false;
      diagnostics_.error("MOE008", models_.all()[m].at,
                         fmt::format("{} is of type {}, the base model of type {}", in_quotes(plan_.models[m].model),
                                     in_quotes(type(m)), in_quotes(type(plan_.anchor))),
                         "experts and base are of one family, as 'model_type' in their config.json says");
    }
    return equal;
  }

  std::string why_not_shared(const MoeTarget& target) const {
    const std::size_t shared = moe_.shared_experts.size();
    if (shared < target.least_shared || shared > target.most_shared) {
      return fmt::format("{} has {}{} shared expert{}, not {}", target.title,
                         target.least_shared < target.most_shared ? "at most " : "", target.most_shared,
                         target.most_shared == 1 ? "" : "s", shared);
    }
    if (shared == 0) return "";
    const bool prompts = !moe_.shared_experts.front().positive_prompts.empty();
    if (target.shared_prompts && !prompts && moe_.gate_mode == recipe::GateMode::cheap_embed) {
      return fmt::format("the shared expert of {} needs positive_prompts", target.title);
    }
    if (!target.shared_prompts && prompts) {
      return fmt::format("the shared expert of {} has no gate: prompts mean nothing to it", target.title);
    }
    return "";
  }

  bool has_layout(const MoeTarget& target) const { return target.fused || moe_.layout == ExpertLayout::hub; }

  bool fits(const MoeTarget& target) const {
    if (!target.takes(type(plan_.anchor))) {
      diagnostics_.error(
          "MOE008", moe_.architecture_at,
          fmt::format("{} cannot be put together from models of type {}", target.title, in_quotes(type(plan_.anchor))),
          fmt::format("it takes {}", fmt::join(target.accepts, ", ")));
      return false;
    }
    const std::string why = why_not_shared(target);
    if (!why.empty()) {
      const bool given = moe_.shared_at.line > 0;
      diagnostics_.error("MOE009", given ? moe_.shared_at : moe_.architecture_at, why);
    }
    if (!has_layout(target)) {
      diagnostics_.error("MOE009", moe_.layout_at, fmt::format("{} has no fused layout", target.title),
                         "'layout: hub' is what its loader reads");
    }
    return why.empty() && has_layout(target);
  }

  const recipe::MergeDocument& document_;
  const MoeRequest& moe_;
  const ModelList& models_;
  const MergePlan& plan_;
  recipe::Diagnostics& diagnostics_;
};

}  // namespace

const MoeTarget* choose_target(const recipe::MergeDocument& document, const ModelList& models, const MergePlan& plan,
                               recipe::Diagnostics& diagnostics) {
  return TargetChoice(document, models, plan, diagnostics).choose();
}

}  // namespace stockpot::plan
