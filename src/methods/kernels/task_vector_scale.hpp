// The factor of the merged task vector: `lambda`, and the factor of the tensor's layer that `lines` gives.
//
// Source of lines: Wang et al. 2024, LiNeS, arXiv:2410.17146.
#pragma once

#include "methods/settings.hpp"

namespace stockpot::methods {

inline ParameterSpec lambda_parameter() {
  return {.name = "lambda", .fallback = 1.0, .help = "factor of the merged task vector"};
}

/// For every method whose result is the base plus a task vector.
inline ParameterSpec lines_parameter() {
  return {.name = "lines",
          .type = ValueType::layer_scale,
          .fallback = 1.0,
          .help = "{alpha, beta}: one more factor, alpha + beta l / (L - 1) in layer l of L, alpha outside layers"};
}

/// What the merged task vector is multiplied by.
inline double task_vector_scale(const Settings& settings) {
  const double lambda = settings.declares("lambda") ? settings.number("lambda") : 1.0;
  return lambda * settings.number("lines");
}

}  // namespace stockpot::methods
