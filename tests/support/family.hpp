// Small checkpoint families for tests: a base and fine-tunes with structured, reproducible values.
#pragma once

#include <string>
#include <vector>

#include "core/tensor.hpp"

namespace stockpot::test {

/// Shapes around the block boundary, rows of odd length, 0-d, empty, layers for gradients, and an integer buffer.
std::vector<TensorInfo> awkward_tensors(DType dtype);

/// Writes `directory`/base and `directory`/tune-1 ... tune-N, one safetensors file each (two shards if `sharded`), with
/// a config.json. Deltas have many equal magnitudes, so that trims have to break ties.
void write_family(const std::string& directory, const std::vector<TensorInfo>& tensors, int tunes,
                  bool sharded = false);

/// A new directory under the system's temporary one, made and removed by the caller of make on one rank.
std::string make_scratch(const std::string& prefix);

}  // namespace stockpot::test
