#include "plan/adapter_pairs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "core/error.hpp"
#include "plan/head_names.hpp"
#include "plan/shapes.hpp"

namespace stockpot::plan {
namespace {

using Kind = AdapterPart::Kind;

constexpr std::uint64_t usual_rank = 1024;  // up to it ranks may exceed the dimensions of a small model

template <class Value>
std::vector<std::string> keys_of(const std::vector<std::pair<std::string, Value>>& pattern) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : pattern) keys.push_back(key);
  return keys;
}

std::uint64_t extent(const Shape& shape, std::size_t d) { return d < shape.size() ? shape[d] : 1; }

/// A matrix, or a convolution whose kernel is a single point.
bool is_matrix(const Shape& shape) {
  return shape.size() >= 2 && std::all_of(shape.begin() + 2, shape.end(), [](auto e) { return e == 1; });
}

bool is_matrix_of(const Shape& shape, std::uint64_t rows, std::uint64_t columns) {
  return is_matrix(shape) && shape[0] == rows && shape[1] == columns;
}

Error failure(std::string_view code, std::string sentence) {
  return Error(ErrorKind::corrupt_input, std::move(sentence)).code(code);
}

[[noreturn]] void refuse_shapes(const TensorInfo& base, const TensorInfo& a, const TensorInfo& b) {
  throw failure("REF023", fmt::format("the adapter's {} and {} do not fit a tensor of {}", to_string(a.shape),
                                      to_string(b.shape), to_string(base.shape)))
      .in_tensor(base.name);
}

[[noreturn]] void refuse_incomplete(const std::string& path, const char* missing) {
  throw failure("REF022", fmt::format("the adapter lacks the {} of a module", missing)).with("module", path);
}

}  // namespace

void check_arithmetic(const TensorInfo& tensor) {
  if (is_mergeable(tensor.dtype)) return;
  throw failure("REF021", fmt::format("an adapter cannot be added in the type {}", name(tensor.dtype)))
      .in_tensor(tensor.name);
}

AdapterPairs::AdapterPairs(const Adapter& adapter, std::uint32_t index)
    : adapter_(adapter),
      index_(index),
      ranks_(keys_of(adapter.rank_pattern)),
      alphas_(keys_of(adapter.alpha_pattern)) {}

void AdapterPairs::learn_layout(const AdapterModule& module, const TensorInfo& base) {
  if (!module.a || !module.b || base.shape.size() != 2 || ends_with_any(base.name, head_names)) return;
  const std::uint64_t in = extent(info(*module.a).shape, 1), out = extent(info(*module.b).shape, 0);
  if (in == out) return;
  if (is_matrix_of(base.shape, out, in)) straight_ = base.name;
  if (is_matrix_of(base.shape, in, out)) turned_ = base.name;
}

AdapterPart AdapterPairs::linear(const std::string& path, const AdapterModule& module, const TensorInfo& base) {
  if (!module.a) refuse_incomplete(path, "lora_A");
  if (!module.b) refuse_incomplete(path, "lora_B");
  if (base.shape.size() > 2 && !is_matrix(base.shape)) {
    throw failure("REF021", "adapters of convolutions with a kernel are not supported").in_tensor(base.name);
  }
  const TensorInfo &a = info(*module.a), &b = info(*module.b);
  const std::uint64_t rank = extent(a.shape, 0), in = extent(a.shape, 1), out = extent(b.shape, 0);
  if (!is_matrix_of(a.shape, rank, in) || !is_matrix_of(b.shape, out, rank)) refuse_shapes(base, a, b);
  const bool straight = is_matrix_of(base.shape, out, in);
  const bool turned = base.shape.size() == 2 && is_matrix_of(base.shape, in, out);
  if (!straight && !turned) refuse_shapes(base, a, b);
  if (straight && turned) square_ = base.name;
  const bool transposed = straight && turned ? is_transposed_if_square() : turned;
  const Kind kind = transposed ? Kind::low_rank_transposed : Kind::low_rank;
  return pair(path, module, base, {.kind = kind, .adapter = index_, .a = *module.a, .b = *module.b});
}

AdapterPart AdapterPairs::embedding(const std::string& path, const AdapterModule& module,
                                    const TensorInfo& base) const {
  if (module.a || module.b || !module.embedding_a) refuse_incomplete(path, "lora_embedding_A");
  if (!module.embedding_b) refuse_incomplete(path, "lora_embedding_B");
  const TensorInfo &a = info(*module.embedding_a), &b = info(*module.embedding_b);
  const std::uint64_t rank = extent(a.shape, 0);
  if (base.shape.size() != 2 || !is_matrix_of(a.shape, rank, base.shape[0]) ||
      !is_matrix_of(b.shape, base.shape[1], rank)) {
    refuse_shapes(base, a, b);
  }
  return pair(
      path, module, base,
      {.kind = Kind::low_rank_transposed, .adapter = index_, .a = *module.embedding_a, .b = *module.embedding_b});
}

AdapterPart AdapterPairs::bias(const std::string& path, const AdapterModule& module, const TensorInfo& base) const {
  const TensorInfo& bias = info(*module.bias);
  if (!module.a) refuse_incomplete(path, "lora_A");
  if (base.elements() != bias.elements()) refuse_shapes(base, bias, bias);
  check_arithmetic(base);
  check_arithmetic(bias);
  return {
      .kind = Kind::bias, .adapter = index_, .a = *module.bias, .scale = scale_of(path, *module.a) * adapter_.weight};
}

AdapterPart AdapterPairs::pair(const std::string& path, const AdapterModule& module, const TensorInfo& base,
                               AdapterPart part) const {
  for (const TensorInfo* tensor : {&base, &info(part.a), &info(part.b)}) check_arithmetic(*tensor);
  const std::uint64_t rank = info(part.a).shape[0];
  if (rank > std::max(usual_rank, std::min(base.shape[0], base.shape[1]))) {
    throw failure("REF023", fmt::format("rank {} is larger than the matrix {}", rank, to_string(base.shape)))
        .in_tensor(base.name);
  }
  part.scale = scale_of(path, part.a);
  if (!adapter_.magnitudes) {
    part.scale *= adapter_.weight;
    return part;
  }
  if (!module.magnitude) refuse_incomplete(path, "magnitude vector");
  const TensorInfo& magnitude = info(*module.magnitude);
  if (magnitude.elements() != base.shape[part.kind == Kind::low_rank ? 0 : 1]) {
    refuse_shapes(base, magnitude, info(part.b));
  }
  check_arithmetic(magnitude);
  part.magnitude = module.magnitude;
  return part;
}

/// alpha / r or alpha / sqrt(r) of a module, without the adapter's weight.
double AdapterPairs::scale_of(const std::string& path, std::uint32_t a) const {
  const auto with_rank = ranks_.first_match(path), with_alpha = alphas_.first_match(path);
  const std::uint64_t rank = with_rank ? adapter_.rank_pattern[*with_rank].second : adapter_.rank;
  const double alpha = with_alpha ? adapter_.alpha_pattern[*with_alpha].second : adapter_.alpha;
  if (rank != extent(info(a).shape, 0)) {
    throw failure("REF023", fmt::format("the adapter's config says rank {}, its tensor has the shape {}", rank,
                                        to_string(info(a).shape)))
        .in_tensor(info(a).name);
  }
  if (rank == 0) return 0.0;
  const auto r = static_cast<double>(rank);
  return alpha / (adapter_.rank_stabilised ? std::sqrt(r) : r);
}

std::optional<std::string> AdapterPairs::remark_on_layouts() const {
  const std::string& against_config = adapter_.transposed ? straight_ : turned_;
  if (square_.empty() || against_config.empty()) return std::nullopt;
  return fmt::format(
      "fan_in_fan_out is {}, but '{}' is stored the other way round; square matrices such as '{}' are "
      "taken {}",
      adapter_.transposed, against_config, square_,
      is_transposed_if_square() == adapter_.transposed ? "as it says" : "like the other layers");
}

}  // namespace stockpot::plan
