// Plans made of a recipe's text and of models that are headers only.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "core/error.hpp"
#include "plan/plan.hpp"
#include "support/catalogues.hpp"
#include "support/remarks.hpp"

namespace stockpot::plan::test {

using stockpot::test::texts;

/// @param models  in the order of MergeDocument::models().
inline MergePlan planned(const std::string& text, std::vector<Catalogue> models, const PlanOptions& options = {}) {
  const recipe::Recipe recipe = recipe::parse_recipe("r.yaml", text);
  return make_plan(recipe, recipe.documents.back(), std::move(models), options);
}

inline Error failure(const std::string& text, std::vector<Catalogue> models, const PlanOptions& options = {}) {
  try {
    planned(text, std::move(models), options);
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "no error";
  return Error(ErrorKind::internal, "no error");
}

inline std::string report(const std::string& text, std::vector<Catalogue> models, const PlanOptions& options = {}) {
  return failure(text, std::move(models), options).what();
}

/// Tensors of one type and one shape.
inline std::vector<TensorInfo> tensors(const std::vector<std::string>& names, DType dtype = DType::bf16,
                                       const Shape& shape = {4, 8}) {
  std::vector<TensorInfo> made;
  for (const auto& name : names) made.push_back({name, dtype, shape});
  return made;
}

/// `models` models 'a', 'b', 'c' ... that all have these tensors.
inline std::vector<Catalogue> alike(std::size_t models, const std::vector<TensorInfo>& tensors) {
  std::vector<Catalogue> made;
  for (std::size_t m = 0; m < models; ++m) {
    made.push_back(stockpot::test::catalogue(std::string(1, static_cast<char>('a' + m)), tensors));
  }
  return made;
}

inline std::size_t index_of(const MergePlan& plan, const std::string& tensor) {
  for (std::size_t t = 0; t < plan.tensors.size(); ++t) {
    if (plan.tensors[t].output.name == tensor) return t;
  }
  ADD_FAILURE() << "no tensor " << tensor;
  return 0;
}

inline const PlannedTensor& tensor_of(const MergePlan& plan, const std::string& tensor) {
  return plan.tensors[index_of(plan, tensor)];
}

inline const methods::Settings& settings_of(const MergePlan& plan, const std::string& tensor) {
  return plan.context[index_of(plan, tensor)].settings;
}

}  // namespace stockpot::plan::test
