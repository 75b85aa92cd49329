// An adapter's pairs held against the tensors that they are added to: shapes, ranks and scales.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/adapter.hpp"
#include "plan/adapter_names.hpp"
#include "plan/adapters.hpp"
#include "plan/module_patterns.hpp"

namespace stockpot::plan {

/// @throws Error(corrupt_input, REF021) unless methods can compute with the tensor's type.
void check_arithmetic(const TensorInfo& tensor);

/// The pairs of one adapter. All functions throw Error(corrupt_input): REF021 for what is not supported, REF022 for
/// tensors that are missing in the adapter, REF023 for what does not fit.
class AdapterPairs {
 public:
  /// @param index  of the adapter in Catalogue::adapters.
  AdapterPairs(const Adapter& adapter, std::uint32_t index);

  /// @param path  of the module.   @param base  the tensor that is changed.
  AdapterPart linear(const std::string& path, const AdapterModule& module, const TensorInfo& base);
  AdapterPart embedding(const std::string& path, const AdapterModule& module, const TensorInfo& base) const;
  AdapterPart bias(const std::string& path, const AdapterModule& module, const TensorInfo& base) const;

  /// If the config was wrong about how a layer is stored, and other layers are square: nobody knows then.
  std::optional<std::string> remark_on_layouts() const;

 private:
  AdapterPart pair(const std::string& path, const AdapterModule& module, const TensorInfo& base,
                   AdapterPart part) const;
  double scale_of(const std::string& path, std::uint32_t a) const;
  const TensorInfo& info(std::uint32_t tensor) const { return adapter_.tensors[tensor].info; }

  const Adapter& adapter_;
  std::uint32_t index_;
  ModulePatterns ranks_, alphas_;
  std::string square_, contradicts_config_;  // names of tensors
};

}  // namespace stockpot::plan
