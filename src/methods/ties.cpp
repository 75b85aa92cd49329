// TIES: keep each model's largest changes, elect a sign per element, average the models that agree with it.
//
// Source: Yadav et al. 2023, TIES-merging, arXiv:2306.01708. The paper trims each whole model (scope: model), lets
// exact cancellations follow the whole model's majority (zero_sign: majority) and uses weights 1; the authors' code
// keeps a little more than density asks for (trim_rule: at_least). Defaults follow mergekit: a threshold per tensor.
#include <algorithm>

#include "methods/kernels/task_vector_merge.hpp"

namespace stockpot::methods {

extern const MethodSpec ties;

namespace {

std::vector<ParameterSpec> parameters() {
  auto all = electing_parameters({.normalize = true, .rescale = false});
  all.push_back({.name = "scope",
                 .type = ValueType::choice,
                 .fallback = 0.0,
                 .same_in_group = true,
                 .choices = {"tensor", "model"},
                 .help = "what one threshold is for: a tensor, or the whole model as in the paper"});
  all.push_back(
      {.name = "trim_rule",
       .type = ValueType::choice,
       .fallback = 0.0,
       .same_in_group = true,
       .choices = {"exact", "at_least"},
       .help = "keep exactly density * n elements, or one more and all its equals as the authors' code does"});
  all.push_back(tie_break_parameter());
  all.push_back({.name = "pre_drop",
                 .level = Level::model,
                 .fallback = 1.0,
                 .same_in_group = true,
                 .interval = {0.0, 1.0},
                 .help = "DARE before the trim: keep each element with this probability, times its inverse"});
  return all;
}

bool trims(const Settings& settings) {
  return std::ranges::any_of(settings.per_model("density"), [](double d) { return d > 0.0 && d < 1.0; });
}

Needs needs(const Settings& settings, const GroupInfo& group) {
  if (!trims(settings)) return family_needs(settings, group);
  return family_needs(settings, group, MagnitudeTrim::needs(settings, group));
}

GroupScope scope(const Settings& settings) {
  return settings.choice("scope") == "model" ? GroupScope::model : GroupScope::tensor;
}

}  // namespace

extern const MethodSpec ties{
    .name = "ties",
    .summary = "trim, elect a sign per element, average what agrees",
    .formula =
        "d_m = the density * n largest of (x_m - b), zeros elsewhere;  rescale: times |x_m - b| / |d_m|, a pass more\n"
        "s = sum(w_m d_m);  out = b + lambda sum(w_m d_m where its sign is that of s) / sum(those w_m)",
    .source = "TIES-merging, arXiv:2306.01708",
    .base = BaseUse::required,
    .min_models = 0,
    .absent = AbsentRule::task_vectors,
    .cut = CutRule::base,
    .skips_weight_0 = true,
    .parameters = parameters(),
    .check = check_family,
    .scope = scope,
    .needs = needs,
    .make = make_method<TaskVectorMerge<MagnitudeTrim>>};

}  // namespace stockpot::methods
