// Breadcrumbs: drop the largest and the smallest changes, add up what lies between.
//
// Source: Davari and Belilovsky 2023, Model breadcrumbs, arXiv:2312.06795. The paper names percentiles: its right tail
// is 1 - gamma here, and right minus left tail the density. mergekit masks whole tensors; the authors' code masks rows,
// and there keeps the trunc(density * n) largest of what the outliers leave (scope: row).
#include <algorithm>

#include "methods/kernels/row_outlier_trim.hpp"
#include "methods/kernels/task_vector_merge.hpp"

namespace stockpot::methods {

extern const MethodSpec breadcrumbs, breadcrumbs_ties;

namespace {

bool by_row(const Settings& settings) { return settings.choice("scope") == "row"; }

std::vector<ParameterSpec> with_outliers(std::vector<ParameterSpec> parameters) {
  parameters.push_back({.name = "gamma",
                        .level = Level::model,
                        .fallback = 0.01,
                        .interval = {0.0, 1.0},
                        .help = "part of the task vector, its largest magnitudes, that is dropped as outliers"});
  parameters.push_back({.name = "scope",
                        .type = ValueType::choice,
                        .fallback = 0.0,
                        .choices = {"tensor", "row"},
                        .help = "what is ranked together: a tensor, or each row as in the authors' code"});
  parameters.push_back(tie_break_parameter());
  return parameters;
}

bool trims(const Settings& settings) {
  return std::ranges::any_of(settings.per_model("density"), [](double density) { return density != 1.0; });
}

Needs needs(const Settings& settings, const GroupInfo& group) {
  if (by_row(settings) || !trims(settings)) return family_needs(settings, group);
  return family_needs(settings, group, OutlierTrim::needs(settings, group));
}

Granularity granularity(const Settings& settings) { return by_row(settings) ? Granularity::row : Granularity::block; }

std::unique_ptr<Method> make(const Settings& settings, const GroupInfo& group) {
  if (by_row(settings)) return std::make_unique<TaskVectorMerge<RowOutlierTrim>>(settings, group);
  return std::make_unique<TaskVectorMerge<OutlierTrim>>(settings, group);
}

}  // namespace

extern const MethodSpec breadcrumbs{
    .name = "breadcrumbs",
    .summary = "drop largest and smallest changes, then a weighted sum",
    .formula =
        "d_m = (x_m - b) without its gamma * n largest magnitudes and its smallest ones: density * n stay\n"
        "out = b + lambda sum(w_m d_m);  normalize: divided by sum(w_m)",
    .source = "Model breadcrumbs, arXiv:2312.06795",
    .base = BaseUse::required,
    .min_models = 0,
    .absent = AbsentRule::task_vectors,
    .cut = CutRule::base,
    .skips_weight_0 = true,
    .parameters = with_outliers(family_parameters({.normalize = false, .rescale = false})),
    .check = check_family,
    .granularity = granularity,
    .needs = needs,
    .make = make};

extern const MethodSpec breadcrumbs_ties{
    .name = "breadcrumbs_ties",
    .summary = "drop largest and smallest changes, then a sum of what agrees in sign",
    .formula =
        "d_m = (x_m - b) without its gamma * n largest magnitudes and its smallest ones: density * n stay\n"
        "s = sum(w_m d_m);  out = b + lambda sum(w_m d_m where its sign is that of s)",
    .source = "Model breadcrumbs, arXiv:2312.06795",
    .base = BaseUse::required,
    .min_models = 0,
    .absent = AbsentRule::task_vectors,
    .cut = CutRule::base,
    .skips_weight_0 = true,
    .parameters = with_outliers(electing_parameters({.normalize = false, .rescale = false})),
    .check = check_family,
    .granularity = granularity,
    .needs = needs,
    .make = make};

}  // namespace stockpot::methods
