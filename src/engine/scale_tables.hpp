// Scales, zero points and groups of quantised weights as numbers.
#pragma once

#include <vector>

#include "core/catalogue.hpp"
#include "engine/small_tensors.hpp"

namespace stockpot::engine {

/// One number for each block of the grid, row by row. Exponents (U8 and F8_E8M0) are powers of two. Notes scales that
/// are NaN or infinite.
SmallTensors::Values<float> scale_table(const Catalogue& model, const Encoding& encoding, SmallTensors& cache);
/// Zero points likewise. @pre the encoding has some.
SmallTensors::Values<float> zero_point_table(const Catalogue& model, const Encoding& encoding, SmallTensors& cache);
/// The column of the grid for each column of the weights. @pre the encoding has an index.
/// @throws Error(corrupt_input, FMT081) for columns that the grid has not.
SmallTensors::Values<float> group_table(const Catalogue& model, const Encoding& encoding, SmallTensors& cache);

}  // namespace stockpot::engine
