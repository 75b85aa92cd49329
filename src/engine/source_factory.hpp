// From what the plan says of a source to something that can be read.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/decoded_source.hpp"
#include "engine/input_files.hpp"
#include "engine/small_tensors.hpp"
#include "engine/source.hpp"
#include "plan/plan.hpp"
#include "plan/waves.hpp"

namespace stockpot::engine {

/// Whether sources keep whole matrices for the next strip, because elements of a row lie far apart in them.
bool turns_matrices(const plan::MergePlan& plan);

/// Makes sources, stacked as the plan says: stored tensor, decoded, adapters, rounding, then rows, pieces or a cut. Holds
/// what all sources of a rank share. Thread safe.
class SourceFactory {
 public:
  /// @param small_tensor_bytes  what adapters' tensors and scales may take between uses; more where matrices are turned.
  explicit SourceFactory(const plan::MergePlan& plan, InputFiles& files,
                         std::uint64_t small_tensor_bytes = plan::usual_small_tensor_bytes);

  /// What sources met that users should hear of: each once, ascending.
  std::vector<std::string> notes() const { return small_tensors_.notes(); }
  /// @param tensor  index into the plan's tensors, of which `source` is a source.
  std::unique_ptr<Source> make(std::uint32_t tensor, plan::SourceTensor source) const;

 private:
  std::unique_ptr<Source> stored(std::uint32_t model, std::uint32_t tensor) const;
  std::unique_ptr<Source> part(const plan::Gather::Part& part, bool as_double) const;
  std::unique_ptr<Source> gathered(const plan::Gather& gather, bool as_double) const;
  const plan::MergePlan& plan_;
  mutable SmallTensors small_tensors_;
  mutable GatherMeans means_;
};

}  // namespace stockpot::engine
