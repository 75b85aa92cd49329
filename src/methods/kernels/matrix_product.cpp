#include "methods/kernels/matrix_product.hpp"

#include "methods/kernels/eigen.hpp"

namespace stockpot::methods {
namespace {

/// Calls body with the view as Eigen sees it: by columns, or as the transpose of one that is.
template <class View, class Body>
void with_columns(View view, const Body& body) {
  if (view.row_step == 1) {
    body(eigen_view(view));
  } else {
    body(eigen_view(view.transposed()).transpose());
  }
}

}  // namespace

void add_product(double factor, ConstMatrixView a, ConstMatrixView b, MatrixView c) {
  fix_eigen_blocking();
  if (c.row_step != 1) return add_product(factor, b.transposed(), a.transposed(), c.transposed());
  with_columns(a, [&](const auto& left) {
    with_columns(b, [&](const auto& right) { eigen_view(c).noalias() += factor * (left * right); });
  });
}

}  // namespace stockpot::methods
