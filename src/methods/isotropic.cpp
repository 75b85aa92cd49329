// Isotropic merging: the summed task vector, or that and the tasks' own directions, with all singular values made equal.
//
// Source: Marczak et al. 2025, No task left behind, arXiv:2502.04959. Directions whose value is nothing beside the largest
// (polar_cut) get no weight: which they are is chance.
#include <algorithm>
#include <vector>

#include "methods/kernels/matrix_method.hpp"
#include "methods/kernels/singular_parts.hpp"

namespace stockpot::methods {

extern const MethodSpec iso_c, iso_cts;

namespace {

template <class T>
class IsoC final : public MatrixMethod<IsoC<T>, T> {
 public:
  IsoC(const Settings& settings, const GroupInfo& group)
      : MatrixMethod<IsoC<T>, T>(group, is_matrix(settings, group), Gathering::sum) {}

  void merge_matrices(std::vector<TensorMatrix<T>>& sum) const {
    TensorMatrix<T>& task_vector = sum.front();
    const Polar direction = polar(task_vector.view());
    const auto values = static_cast<double>(std::min(task_vector.rows(), task_vector.columns()));
    task_vector.assign(direction.sum / values, direction.view());
  }
};

/// How the min(rows, columns) directions are dealt out.
struct Shares {
  std::size_t common;    ///< to the sum of the task vectors
  std::size_t per_task;  ///< to each task, from what the common ones leave
};

Shares shares_of(const GroupInfo& group, double common_fraction) {
  const std::size_t all = std::min(rows_of(group), columns_of(group)), models = group.models;
  const std::size_t left = all - static_cast<std::size_t>(static_cast<double>(all) * common_fraction);
  const std::size_t whole = left / models, twice_rest = 2 * (left % models);
  const bool up = twice_rest > models || (twice_rest == models && whole % 2 == 1);  // half to even
  const std::size_t per_task = up && (whole + 1) * models <= all ? whole + 1 : whole;
  return {.common = all - per_task * models, .per_task = per_task};
}

template <class T>
class IsoCts final : public MatrixMethod<IsoCts<T>, T> {
 public:
  IsoCts(const Settings& settings, const GroupInfo& group)
      : MatrixMethod<IsoCts<T>, T>(group, is_matrix(settings, group), Gathering::each) {
    if (is_matrix(settings, group)) shares_ = shares_of(group, settings.number("common_fraction"));
  }

  /// The order of the parts is of no account to the result: the common part comes first here.
  void merge_matrices(std::vector<TensorMatrix<T>>& tasks) const {
    const std::size_t rows = tasks.front().rows(), columns = tasks.front().columns();
    const std::size_t all = std::min(rows, columns);
    SingularParts parts(rows, columns, all);
    double largest_common = 0.0;
    if (shares_.common > 0) {
      const SingularVectors common = singular_vectors(sum_of(tasks).view(), shares_.common);
      largest_common = common.sigma.front();
      parts.add(common, polar_cut * largest_common);
    }
    const ConstMatrixView common_u = parts.u().block(0, 0, rows, shares_.common);
    for (std::size_t m = 0; m < tasks.size() && shares_.per_task > 0; ++m) {
      const Matrix rest = turned_without(tasks[m], common_u);
      const SingularVectors own = singular_vectors(rest.view().transposed(), shares_.per_task);
      parts.add(own, polar_cut * std::max(largest_common, own.sigma.front()));
    }
    double sum = 0.0;
    for (const double sigma : parts.sigma()) sum += sigma;
    const Polar left = parts.take_polar_u();
    const Polar right = parts.take_polar_v();
    tasks.front().assign_product(sum / static_cast<double>(all), left.view(), right.view().transposed());
  }

 private:
  static TensorMatrix<T> sum_of(const std::vector<TensorMatrix<T>>& tasks) {
    const std::size_t elements = tasks.front().rows() * tasks.front().columns();
    TensorMatrix<T> sum(tasks.front().rows(), tasks.front().columns());
    std::fill_n(sum.elements(), elements, T{0});
    for (const auto& task : tasks) dispatch(add, sum.elements(), task.elements(), elements, sum.elements());
    return sum;
  }

  /// (D - U U^T D)^T
  static Matrix turned_without(const TensorMatrix<T>& task, ConstMatrixView u) {
    Matrix turned(task.columns(), task.rows());
    std::copy_n(task.elements(), task.rows() * task.columns(), turned.column(0));
    if (u.columns == 0) return turned;
    Matrix along = Matrix::zero(task.columns(), u.columns);
    add_product(1.0, turned.view(), u, along.view());
    add_product(-1.0, along.view(), u.transposed(), turned.view());
    return turned;
  }

  Shares shares_{};
};

Needs iso_c_needs(const Settings& settings, const GroupInfo& group) {
  if (!is_matrix(settings, group)) return {};
  return matrix_needs(group, Gathering::sum, polar_bytes(rows_of(group), columns_of(group)));
}

Needs iso_cts_needs(const Settings& settings, const GroupInfo& group) {
  if (!is_matrix(settings, group)) return {};
  const std::size_t rows = rows_of(group), columns = columns_of(group), all = std::min(rows, columns);
  const auto [common, per_task] = shares_of(group, settings.number("common_fraction"));
  const std::size_t one = rows * columns * sizeof(double);
  const std::size_t of_sum = (group.float64 ? one : one / 2) + singular_vectors_bytes(rows, columns, common);
  const std::size_t projected = columns * common * sizeof(double) + product_workspace_bytes;
  const std::size_t of_task = one + std::max(projected, singular_vectors_bytes(rows, columns, per_task));
  const std::size_t work = std::max({of_sum, per_task > 0 ? of_task : 0, TensorMatrix<float>::product_bytes(columns)});
  return matrix_needs(group, Gathering::each, SingularParts::bytes(rows, columns, all, work));
}

}  // namespace

extern const MethodSpec iso_c{.name = "iso_c",
                              .summary = "sum of the task vectors with all singular values made equal",
                              .formula =
                                  "U S V^T = sum(x_m - b);  out = b + lambda mean(S) U V^T\n"
                                  "other tensors than matrices: out = b + lambda mean(x_m - b)",
                              .source = "No task left behind, arXiv:2502.04959",
                              .base = BaseUse::required,
                              .absent = AbsentRule::task_vectors,
                              .cut = CutRule::base,
                              .parameters = {lambda_parameter(), lines_parameter(), exclude_parameter()},
                              .needs = iso_c_needs,
                              .make = make_matrix_method<IsoC>};

extern const MethodSpec iso_cts{
    .name = "iso_cts",
    .summary = "iso_c, with some directions kept for what single tasks have beside the sum",
    .formula =
        "c directions U S V^T of sum(x_m - b); (p - c) / N of each x_m - b less its part along U; p = min(rows, "
        "columns)\n"
        "out = b + lambda mean(all S) polar([all U]) polar([all V])^T, c = p common_fraction, nearly\n"
        "other tensors than matrices: out = b + lambda mean(x_m - b)",
    .source = "No task left behind, arXiv:2502.04959",
    .base = BaseUse::required,
    .absent = AbsentRule::task_vectors,
    .cut = CutRule::base,
    .parameters = {{.name = "common_fraction",
                    .fallback = 0.8,
                    .interval = {.low = 0.0, .high = 1.0},
                    .help = "part of the directions that are those of the sum"},
                   lambda_parameter(),
                   lines_parameter(),
                   exclude_parameter()},
    .needs = iso_cts_needs,
    .make = make_matrix_method<IsoCts>};

}  // namespace stockpot::methods
