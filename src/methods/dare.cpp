// DARE: drop changes at random, scale up what is left, then combine as task arithmetic or by sign election.
//
// Source: Yu et al. 2023, Language models are Super Mario, arXiv:2311.03099. The paper scales by 1 / density
// (rescale_mode: inv_density); the default, as in mergekit, restores the task vector's 1-norm.
#include "methods/kernels/task_vector_merge.hpp"

namespace stockpot::methods {

extern const MethodSpec dare_linear, dare_ties;

extern const MethodSpec dare_linear{.name = "dare_linear",
                                    .summary = "random dropout of changes, rescaled, then a weighted sum",
                                    .formula =
                                        "d_m = (x_m - b) where kept (probability density), times |x_m - b| / |kept|\n"
                                        "out = b + lambda sum(w_m d_m);  normalize: divided by sum(w_m)",
                                    .source = "Language models are Super Mario, arXiv:2311.03099",
                                    .base = BaseUse::required,
                                    .min_models = 0,
                                    .absent = AbsentRule::task_vectors,
                                    .cut = CutRule::base,
                                    .skips_weight_0 = true,
                                    .parameters = family_parameters({.normalize = false, .rescale = true}),
                                    .check = check_family,
                                    .needs = noting_family_needs,
                                    .make = make_method<TaskVectorMerge<BernoulliTrim>>};

extern const MethodSpec dare_ties{.name = "dare_ties",
                                  .summary = "random dropout of changes, rescaled, then a sum of what agrees in sign",
                                  .formula =
                                      "d_m = (x_m - b) where kept (probability density), times |x_m - b| / |kept|\n"
                                      "s = sum(w_m d_m);  out = b + lambda sum(w_m d_m where its sign is that of s)",
                                  .source = "Language models are Super Mario, arXiv:2311.03099",
                                  .base = BaseUse::required,
                                  .min_models = 0,
                                  .absent = AbsentRule::task_vectors,
                                  .cut = CutRule::base,
                                  .skips_weight_0 = true,
                                  .parameters = electing_parameters({.normalize = false, .rescale = true}),
                                  .check = check_family,
                                  .needs = noting_family_needs,
                                  .make = make_method<TaskVectorMerge<BernoulliTrim>>};

}  // namespace stockpot::methods
