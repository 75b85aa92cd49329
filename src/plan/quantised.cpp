#include "plan/quantised.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "core/error.hpp"
#include "plan/encodings.hpp"

namespace stockpot::plan {
namespace {

constexpr std::array<std::string_view, 6> activation_scales{
    ".input_scale", ".input_global_scale", ".output_scale", ".activation_scale", ".k_scale", ".v_scale"};

template <std::size_t N>
bool ends_with_one_of(std::string_view name, const std::array<std::string_view, N>& endings) {
  return std::ranges::any_of(endings, [&](std::string_view ending) { return name.ends_with(ending); });
}

/// Parts of weights as schemes store them that are not decoded.
bool is_of_another_scheme(const TensorInfo& tensor) {
  constexpr std::array<std::string_view, 11> endings{".qweight",   ".qzeros",     ".absmax",           ".SCB",
                                                     ".bitmask",   ".compressed", ".weight_packed",    ".W_q",
                                                     ".quant_map", "_scale_inv",  ".weight_zero_point"};
  return ends_with_one_of(tensor.name, endings) || tensor.name.find(".quant_state.") != std::string::npos;
}

/// In a model that says it is quantised: a matrix of a type that weights are coded in.
bool looks_coded(const TensorInfo& tensor) {
  constexpr std::array coded{DType::u8,      DType::i8,      DType::i32,     DType::f4,          DType::f6_e2m3,
                             DType::f6_e3m2, DType::f8_e4m3, DType::f8_e5m2, DType::f8_e4m3fnuz, DType::f8_e5m2fnuz};
  constexpr std::array<std::string_view, 3> buffers{"position_ids", ".attn.bias", ".attention.bias"};
  return tensor.shape.size() >= 2 && std::ranges::find(coded, tensor.dtype) != coded.end() &&
         !ends_with_one_of(tensor.name, buffers);
}

/// Goes through one model.
class Finder {
 public:
  explicit Finder(Catalogue& model) : model_(model) {}

  void run(std::vector<std::string>& notes) {
    for (const StoredTensor& tensor : model_.tensors) take(tensor);
    const bool quantised = model_.config.quantized || !made_.empty();
    std::vector<StoredTensor> tensors = std::move(made_);
    std::size_t dropped = 0;
    for (StoredTensor& tensor : model_.tensors) {
      if (used_.contains(tensor.info.name)) continue;
      if (quantised && is_activation_scale(tensor.info.name)) {
        ++dropped;
        continue;
      }
      refuse_coded(tensor);
      tensors.push_back(std::move(tensor));
    }
    std::ranges::sort(tensors, {}, [](const StoredTensor& t) -> const std::string& { return t.info.name; });
    refuse_twins(tensors);
    model_.tensors = std::move(tensors);
    if (dropped > 0) {
      notes.push_back(fmt::format("{}: {} scales of activations are left out", model_.model, dropped));
    }
    if (!model_.encodings.empty()) {
      notes.push_back(fmt::format("{}: {} quantised tensors are decoded", model_.model, model_.encodings.size()));
    }
  }

 private:
  void take(const StoredTensor& tensor) {
    auto found = read_encoding(model_, tensor);
    if (!found) {
      const bool scaled = model_.find(tensor.info.name + "_scale") != nullptr;
      if (scaled && looks_coded(tensor.info)) refuse_scheme(tensor);
      return;
    }
    if (!tensor.strides.empty()) {  // codes are read as they lie, two to a byte or four to a word as it may be
      throw at(Error(ErrorKind::corrupt_input, "quantised weights are a view that lies otherwise than row by row"),
               "FMT080", tensor)
          .hint("save the checkpoint again with contiguous tensors");
    }
    for (const std::string& name : found->stored_names()) used_.insert(name);
    StoredTensor made{{found->name, decoded_dtype, found->shape}, tensor.file, tensor.offset};
    made.encoding = static_cast<std::uint32_t>(model_.encodings.size());
    model_.encodings.push_back(std::move(found->encoding));
    made_.push_back(std::move(made));
  }

  void refuse_coded(const StoredTensor& tensor) const {
    const TensorInfo& info = tensor.info;
    const bool foreign = is_of_another_scheme(info);
    if (!foreign && !(model_.config.quantized && looks_coded(info))) return;
    if (!foreign && is_float8(info.dtype)) {
      throw at(Error(ErrorKind::corrupt_input, "quantised weights have no scales"), "FMT081", tensor)
          .hint("is the checkpoint complete? If these are plain numbers, take quantization_config out of config.json");
    }
    refuse_scheme(tensor);
  }

  [[noreturn]] void refuse_scheme(const StoredTensor& tensor) const {
    const TensorInfo& info = tensor.info;
    throw at(Error(ErrorKind::corrupt_input, fmt::format("a quantisation scheme that is not supported: {} of {}",
                                                         name(info.dtype), to_string(info.shape))),
             "FMT080", tensor)
        .hint(
            "FP8, INT8, packed INT4, MXFP4 and NVFP4 are decoded; of GPTQ, AWQ, bitsandbytes and others use the "
            "unquantised checkpoint, or save one with the library that made it");
  }

  /// Two tensors of one name: values, and codes of them.
  void refuse_twins(const std::vector<StoredTensor>& tensors) const {
    const auto same = [](const StoredTensor& a, const StoredTensor& b) { return a.info.name == b.info.name; };
    const auto twin = std::ranges::adjacent_find(tensors, same);
    if (twin == tensors.end()) return;
    throw at(Error(ErrorKind::corrupt_input, "a tensor is stored twice, quantised and as it is"), "FMT080", *twin);
  }

  Error at(Error error, std::string_view code, const StoredTensor& tensor) const {
    return std::move(error)
        .code(code)
        .in_file(model_.files.at(tensor.file).path)
        .in_tensor(tensor.info.name)
        .in_model(model_.model);
  }

  Catalogue& model_;
  std::vector<StoredTensor> made_;
  std::set<std::string> used_;
};

}  // namespace

bool is_activation_scale(std::string_view name) { return ends_with_one_of(name, activation_scales); }

void find_quantised(Catalogue& model, std::vector<std::string>& notes) { Finder(model).run(notes); }

}  // namespace stockpot::plan
