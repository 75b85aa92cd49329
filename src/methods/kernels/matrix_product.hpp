// Products of matrices: the same bits on every CPU.
#pragma once

#include "methods/kernels/matrix.hpp"

namespace stockpot::methods {

/// c += factor * a b. @pre c overlaps neither a nor b; of each, rows or columns are contiguous
void add_product(double factor, ConstMatrixView a, ConstMatrixView b, MatrixView c);

/// Memory that add_product() takes while it runs, at most.
inline constexpr std::size_t product_workspace_bytes = std::size_t{8} << 20;

}  // namespace stockpot::methods
