// From what the plan says of a source to something that can be read.
#pragma once

#include <cstdint>
#include <memory>

#include "engine/adapter_tensors.hpp"
#include "engine/decoded_source.hpp"
#include "engine/input_files.hpp"
#include "engine/source.hpp"
#include "plan/plan.hpp"

namespace stockpot::engine {

/// Makes sources, stacked as the plan says: stored tensor, adapters, rounding, then rows, pieces or a cut. Holds what all
/// sources of a rank share. Thread safe.
class SourceFactory {
 public:
  SourceFactory(const plan::MergePlan& plan, InputFiles& files)
      : plan_(plan), files_(files), adapters_(files, AdapterTensors::usual_budget_bytes) {}

  /// @param tensor  index into the plan's tensors, of which `source` is a source.
  std::unique_ptr<Source> make(std::uint32_t tensor, plan::SourceTensor source) const;

 private:
  std::unique_ptr<Source> stored(std::uint32_t model, std::uint32_t tensor) const;
  const plan::MergePlan& plan_;
  InputFiles& files_;
  mutable AdapterTensors adapters_;
  mutable GatherMeans means_;
};

}  // namespace stockpot::engine
