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

  /// Learns from a linear layer how such layers are stored, before any is asked for: one config speaks for layers of
  /// both layouts, and the library writes what the last one was. Heads are left out; they differ from the rest.
  void learn_layout(const AdapterModule& module, const TensorInfo& base);

  /// @param path  of the module.   @param base  the tensor that is changed.
  AdapterPart linear(const std::string& path, const AdapterModule& module, const TensorInfo& base);
  AdapterPart embedding(const std::string& path, const AdapterModule& module, const TensorInfo& base) const;
  AdapterPart bias(const std::string& path, const AdapterModule& module, const TensorInfo& base) const;

  /// If the config is not what layers show that are not square, and others are.
  std::optional<std::string> remark_on_layouts() const;

 private:
  AdapterPart pair(const std::string& path, const AdapterModule& module, const TensorInfo& base,
                   AdapterPart part) const;
  double scale_of(const std::string& path, std::uint32_t a) const;
  const TensorInfo& info(std::uint32_t tensor) const { return adapter_.tensors[tensor].info; }

  const Adapter& adapter_;
  std::uint32_t index_;
  ModulePatterns ranks_, alphas_;
  bool is_transposed_if_square() const {
    return straight_.empty() != turned_.empty() ? straight_.empty() : adapter_.transposed;
  }

  std::string straight_, turned_;  // layers that are not square: names of tensors
  std::string square_;
};

}  // namespace stockpot::plan
