// DELLA: drop changes at random, small ones rather than large ones, scale up what is left, then combine as task
// arithmetic or by sign election.
//
// Source: Deep et al. 2024, DELLA-merging, arXiv:2406.11617. epsilon is half the width of the window of keep
// probabilities, as in mergekit; the paper's is its width. The paper divides what is kept by its own probability
// (rescale_mode: inv_prob); the default, as in mergekit, restores the task vector's 1-norm.
#include <fmt/format.h>

#include <algorithm>

#include "methods/kernels/rank_trim.hpp"
#include "methods/kernels/task_vector_merge.hpp"

namespace stockpot::methods {

extern const MethodSpec della, della_linear;

namespace {

std::vector<ParameterSpec> with_window(std::vector<ParameterSpec> parameters) {
  std::ranges::find(parameters, "rescale_mode", &ParameterSpec::name)->choices.push_back("inv_prob");
  parameters.push_back(
      {.name = "epsilon",
       .level = Level::model,
       .fallback = 0.15,
       .interval = {.low = 0.0},
       .help = "smallest changes are kept with probability density - epsilon, largest with + epsilon"});
  parameters.push_back(tie_break_parameter());
  return parameters;
}

/// All probabilities must be inside (0, 1), where there are any.
std::vector<std::string> check(const Settings& settings) {
  const auto densities = settings.per_model("density"), epsilons = settings.per_model("epsilon");
  for (std::size_t m = 0; m < settings.models(); ++m) {
    const double density = densities[m], epsilon = epsilons[m];
    if (density <= 0.0 || density >= 1.0 || (density - epsilon > 0.0 && density + epsilon < 1.0)) continue;
    throw Error(ErrorKind::recipe,
                fmt::format("{}: parameter 'epsilon' = {}: must be in [0, {:.6g}) where density is {}",
                            settings.method().name, epsilon, std::min(density, 1.0 - density), density))
        .code("CFG052")
        .with("parameter", "epsilon")
        .with("model", std::to_string(m))
        .hint("keep probabilities lie between density - epsilon and density + epsilon: choose a smaller epsilon");
  }
  return check_family(settings);
}

Granularity granularity(const Settings&) { return Granularity::row; }

}  // namespace

extern const MethodSpec della{
    .name = "della",
    .summary = "random dropout of changes, less likely for large ones, then a mean of what agrees in sign",
    .formula =
        "d_m = (x_m - b) where kept, times |x_m - b| / |kept|; kept with probability p = density - epsilon for the\n"
        "smallest of a row, rising with its rank to density + epsilon;  rescale_mode inv_prob: divided by p\n"
        "s = sum(w_m d_m);  out = b + lambda sum(w_m d_m where its sign is that of s) / sum(those w_m)",
    .source = "DELLA-merging, arXiv:2406.11617",
    .base = BaseUse::required,
    .min_models = 0,
    .absent = AbsentRule::task_vectors,
    .cut = CutRule::base,
    .skips_weight_0 = true,
    .parameters = with_window(electing_parameters({.normalize = true, .rescale = true})),
    .check = check,
    .granularity = granularity,
    .needs = noting_family_needs,
    .make = make_method<TaskVectorMerge<RankTrim>>};

extern const MethodSpec della_linear{
    .name = "della_linear",
    .summary = "random dropout of changes, less likely for large ones, then a weighted sum",
    .formula =
        "d_m = (x_m - b) where kept, times |x_m - b| / |kept|; kept with probability p = density - epsilon for the\n"
        "smallest of a row, rising with its rank to density + epsilon;  rescale_mode inv_prob: divided by p\n"
        "out = b + lambda sum(w_m d_m);  normalize: divided by sum(w_m)",
    .source = "DELLA-merging, arXiv:2406.11617",
    .base = BaseUse::required,
    .min_models = 0,
    .absent = AbsentRule::task_vectors,
    .cut = CutRule::base,
    .skips_weight_0 = true,
    .parameters = with_window(family_parameters({.normalize = false, .rescale = true})),
    .check = check,
    .granularity = granularity,
    .needs = noting_family_needs,
    .make = make_method<TaskVectorMerge<RankTrim>>};

}  // namespace stockpot::methods
