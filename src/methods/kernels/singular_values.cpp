#include "methods/kernels/singular_values.hpp"

#include <Eigen/QR>
#include <Eigen/SVD>
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "methods/kernels/eigen.hpp"

namespace stockpot::methods {

namespace {

/// Whether a matrix is worked on transposed: never wide; and if square, so that its lines in memory become columns.
template <class T>
bool works_turned(BasicMatrixView<const T> m) {
  return m.columns > m.rows || (m.columns == m.rows && m.column_step < m.row_step);
}

/// A power of two in two factors, neither of which overflows where the power does.
struct Scale {
  double first = 1.0, second = 1.0;
};
Scale power_of_two(int exponent) { return {std::ldexp(1.0, exponent / 2), std::ldexp(1.0, exponent - exponent / 2)}; }

EigenView as_eigen(Matrix& m) { return eigen_view(m.view()); }

/// A matrix brought to a form that the rest can rely on: tall, largest magnitude in [1/2, 1); and its QR factors, so that
/// only a square goes into the decomposition.
class Upright {
 public:
  template <class T>
  explicit Upright(BasicMatrixView<const T> matrix) : turned_(works_turned(matrix)) {
    fix_eigen_blocking();
    const BasicMatrixView<const T> upright = turned_ ? matrix.transposed() : matrix;
    tall_.resize(as_index(upright.rows), as_index(upright.columns));
    double largest = 0.0;
    for_each_element(upright.rows, upright.columns, [&](std::size_t i, std::size_t j) {
      const double x = static_cast<double>(upright(i, j));
      tall_(as_index(i), as_index(j)) = x;
      largest = std::abs(x) > largest || x != x ? std::abs(x) : largest;
    });
    finite_ = std::isfinite(largest);
    if (finite_ && largest != 0.0) scale(largest);
  }

  bool turned() const { return turned_; }
  bool finite() const { return finite_; }
  std::size_t rows() const { return static_cast<std::size_t>(tall_.rows()); }
  std::size_t columns() const { return static_cast<std::size_t>(tall_.cols()); }

  /// Of the matrix itself, or of R. Values are still scaled.
  Eigen::BDCSVD<Eigen::MatrixXd> decompose() {
    constexpr unsigned thin = Eigen::ComputeThinU | Eigen::ComputeThinV;
    if (rows() == columns()) return Eigen::BDCSVD<Eigen::MatrixXd>(tall_, thin);
    factors_ = QrFactors(tall_);
    const Eigen::MatrixXd r = tall_.topRows(tall_.cols()).triangularView<Eigen::Upper>();
    return Eigen::BDCSVD<Eigen::MatrixXd>(r, thin);
  }

  /// A singular value of the matrix out of one that decompose() found.
  double unscaled(double sigma) const {
    const Scale back = power_of_two(exponent_);
    return sigma * back.first * back.second;
  }

  /// Q times a matrix with columns() rows; the matrix itself if there is no Q.
  template <class Columns>
  Matrix lengthened(const Columns& square) const {
    Matrix longer = Matrix::zero(rows(), static_cast<std::size_t>(square.cols()));
    EigenView view = as_eigen(longer);
    view.topRows(square.rows()) = square;
    if (rows() > columns()) view.applyOnTheLeft(Eigen::householderSequence(tall_, factors_.coefficients));
    return longer;
  }

 private:
  /// Householder factors; the reflections themselves replace the matrix.
  struct QrFactors {
    QrFactors() = default;
    explicit QrFactors(Eigen::MatrixXd& matrix) {
      Eigen::HouseholderQR<Eigen::Ref<Eigen::MatrixXd>> qr(matrix);
      coefficients = qr.hCoeffs();
    }
    Eigen::VectorXd coefficients;
  };

  static Eigen::Index as_index(std::size_t i) { return static_cast<Eigen::Index>(i); }

  void scale(double largest) {
    std::frexp(largest, &exponent_);
    const Scale scale = power_of_two(-exponent_);
    tall_ = (tall_ * scale.first) * scale.second;
  }

  Eigen::MatrixXd tall_;
  bool turned_, finite_ = true;
  int exponent_ = 0;
  QrFactors factors_;
};

Matrix filled(std::size_t rows, std::size_t columns, double value) {
  Matrix matrix(rows, columns);
  for (std::size_t j = 0; j < columns; ++j) std::fill_n(matrix.column(j), rows, value);
  return matrix;
}

Polar polar_of(Upright upright) {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  if (!upright.finite()) return {filled(upright.rows(), upright.columns(), nan), upright.turned(), nan, 0};
  Polar result{.factor = {}, .turned = upright.turned()};
  const auto side = static_cast<Eigen::Index>(upright.columns());
  Eigen::MatrixXd square = Eigen::MatrixXd::Zero(side, side);
  if (side > 0) {
    const auto svd = upright.decompose();
    for (const double sigma : svd.singularValues()) {
      result.sum += upright.unscaled(sigma);
      if (sigma > polar_cut * svd.singularValues()(0)) ++result.rank;
    }
    const auto rank = static_cast<Eigen::Index>(result.rank);
    square.noalias() = svd.matrixU().leftCols(rank) * svd.matrixV().leftCols(rank).transpose();
  }
  result.factor = upright.lengthened(square);
  return result;
}

/// What Eigen holds at most for a square of this side: twelve such squares, measured, and some vectors.
std::size_t decomposition_bytes(std::size_t side) { return 14 * (side + 2) * (side + 2) * sizeof(double) + (1u << 16); }

}  // namespace

template <class T>
SingularVectors singular_vectors(BasicMatrixView<const T> matrix, std::size_t wanted) {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  Upright upright(matrix);
  if (!upright.finite()) {
    return {filled(matrix.rows, wanted, nan), std::vector<double>(upright.columns(), nan),
            filled(matrix.columns, wanted, nan)};
  }
  const auto svd = upright.decompose();
  SingularVectors found;
  for (const double sigma : svd.singularValues()) found.sigma.push_back(upright.unscaled(sigma));
  found.v = Matrix(upright.columns(), wanted);
  as_eigen(found.v) = svd.matrixV().leftCols(static_cast<Eigen::Index>(wanted));
  found.u = upright.lengthened(svd.matrixU().leftCols(static_cast<Eigen::Index>(wanted)));
  if (upright.turned()) std::swap(found.u, found.v);
  return found;
}

template <class T>
Polar polar(BasicMatrixView<const T> matrix) {
  return polar_of(Upright(matrix));
}

Polar polar(Matrix tall) {
  Upright upright(ConstMatrixView(std::as_const(tall).view()));
  tall = Matrix();
  return polar_of(std::move(upright));
}

std::size_t singular_vectors_bytes(std::size_t rows, std::size_t columns, std::size_t wanted) {
  const auto [least, most] = std::minmax(rows, columns);
  return (most * least + (most + least) * wanted) * sizeof(double) + decomposition_bytes(least);
}

std::size_t polar_bytes(std::size_t rows, std::size_t columns) {
  const auto [least, most] = std::minmax(rows, columns);
  return 2 * most * least * sizeof(double) + decomposition_bytes(least);
}

template SingularVectors singular_vectors(BasicMatrixView<const float>, std::size_t);
template SingularVectors singular_vectors(BasicMatrixView<const double>, std::size_t);
template Polar polar(BasicMatrixView<const float>);
template Polar polar(BasicMatrixView<const double>);

}  // namespace stockpot::methods
