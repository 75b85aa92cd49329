// TSV-merge: the strongest singular directions of every task, made orthogonal to each other, with their own strengths.
//
// Source: Gargiulo et al. 2024, Task singular vectors, arXiv:2412.00081.
#include <algorithm>
#include <string>
#include <vector>

#include "methods/kernels/matrix_method.hpp"
#include "methods/kernels/singular_parts.hpp"

namespace stockpot::methods {

extern const MethodSpec tsvm;

namespace {

/// Singular values up to this part of the largest may be none at all: the decomposition is not more exact.
constexpr double rounding = 1e-12;

/// Directions that each model may keep; 0 for fewer rows or columns than models.
std::size_t kept_per_model(const GroupInfo& group) {
  return std::min(rows_of(group), columns_of(group)) / group.models;
}

template <class T>
class Tsvm final : public MatrixMethod<Tsvm<T>, T> {
 public:
  Tsvm(const Settings& settings, const GroupInfo& group)
      : Tsvm(settings, group, is_matrix(settings, group) ? kept_per_model(group) : 0) {}

  void merge_matrices(std::vector<TensorMatrix<T>>& tasks) const {
    const std::size_t rows = tasks.front().rows(), columns = tasks.front().columns();
    SingularParts parts(rows, columns, tasks.size() * kept_);
    for (const TensorMatrix<T>& task : tasks) {
      const SingularVectors found = singular_vectors(task.view(), kept_);
      parts.add(found, rounding * found.sigma.front());
    }
    Polar left = parts.take_polar_u();
    const Polar right = parts.take_polar_v();
    scale_columns(left, parts.sigma());
    tasks.front().assign_product(1.0, left.view(), right.view().transposed());
  }

  std::vector<std::string> remarks() const override {
    if (!too_small_) return {};
    return {"has fewer rows or columns than there are models: the mean of the task vectors was taken"};
  }

 private:
  Tsvm(const Settings& settings, const GroupInfo& group, std::size_t kept)
      : MatrixMethod<Tsvm<T>, T>(group, kept > 0, Gathering::each, settings.per_model("weight")),
        kept_(kept),
        too_small_(kept == 0 && is_matrix(settings, group)) {}

  static void scale_columns(Polar& polar, std::span<const double> factors) {
    const MatrixView view = polar.turned ? polar.factor.view().transposed() : polar.factor.view();
    for_each_element(view.rows, view.columns, [&](std::size_t i, std::size_t j) { view(i, j) *= factors[j]; });
  }

  std::size_t kept_;
  bool too_small_;
};

Needs needs(const Settings& settings, const GroupInfo& group) {
  if (!is_matrix(settings, group) || kept_per_model(group) == 0) return {};
  const std::size_t rows = rows_of(group), columns = columns_of(group), kept = kept_per_model(group);
  const std::size_t work =
      std::max(singular_vectors_bytes(rows, columns, kept), TensorMatrix<float>::product_bytes(columns));
  return matrix_needs(group, Gathering::each, SingularParts::bytes(rows, columns, kept * group.models, work));
}

}  // namespace

extern const MethodSpec tsvm{
    .name = "tsvm",
    .summary = "strongest singular directions of every task, made orthogonal to each other",
    .formula =
        "U_m S_m V_m^T = first r singular vectors of w_m (x_m - b), r = min(rows, columns) / N rounded down\n"
        "out = b + lambda polar([U_1 .. U_N]) diag(S_1 .. S_N) polar([V_1 .. V_N])^T\n"
        "other tensors than matrices: out = b + lambda mean(x_m - b)",
    .source = "Task singular vectors, arXiv:2412.00081",
    .base = BaseUse::required,
    .absent = AbsentRule::task_vectors,
    .cut = CutRule::base,
    .parameters = {{.name = "weight",
                    .level = Level::model,
                    .fallback = 1.0,
                    .help = "factor of the model's task vector before its singular vectors are found"},
                   lambda_parameter(),
                   lines_parameter(),
                   exclude_parameter()},
    .needs = needs,
    .make = make_matrix_method<Tsvm>};

}  // namespace stockpot::methods
