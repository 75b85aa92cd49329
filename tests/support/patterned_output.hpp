// An output whose every byte is known, so that any writer can be checked: element types, odd shapes, empty tensors.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "io/tensor_sink.hpp"

namespace stockpot::test {

/// Tensors in two shards, in the order in which shards hold them.
inline io::OutputLayout patterned_layout(const std::string& directory) {
  io::OutputLayout layout;
  layout.directory = directory;
  layout.tensors = {{"model/a%.weight", DType::f32, {7, 11, 13}},
                    {"b.weight", DType::bf16, {300, 257}},
                    {"c.bias", DType::f16, {5}},
                    {"d.scale", DType::f64, {}},
                    {"e.empty", DType::f32, {0, 4}},
                    {"f.mask", DType::boolean, {9}},
                    {"g.codes", DType::f4, {6, 10}},
                    {"h.steps", DType::i64, {3}}};
  layout.files = {{"model-00001-of-00002.safetensors", {0, 1, 2}, {0, 4004, 158204}},
                  {"model-00002-of-00002.safetensors", {7, 3, 4, 5, 6}, {0, 24, 32, 32, 41}}};
  layout.metadata = {{"format", "pt"}, {"note", "for a test"}};
  return layout;
}

/// The encoded tensor: no two neighbouring elements or tensors have the same bytes.
inline std::vector<std::byte> pattern_of(const io::OutputLayout& layout, std::uint32_t tensor) {
  std::vector<std::byte> bytes(layout.tensors[tensor].bytes());
  const bool is_boolean = layout.tensors[tensor].dtype == DType::boolean;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<std::byte>(is_boolean ? i % 2 : (i * 31 + i / 251 + tensor * 7) % 256);
  }
  return bytes;
}

/// Writes every `of`-th piece of about `piece_elements` elements, beginning with piece `first`.
inline void write_pieces(io::TensorSink& sink, const io::OutputLayout& layout, std::uint64_t piece_elements,
                         std::uint64_t first, std::uint64_t of) {
  std::uint64_t piece = 0;
  for (std::uint32_t t = 0; t < layout.tensors.size(); ++t) {
    const TensorInfo& info = layout.tensors[t];
    const std::vector<std::byte> bytes = pattern_of(layout, t);
    for (std::uint64_t at = 0; at < info.elements(); at += piece_elements, ++piece) {
      if (piece % of != first) continue;
      const ElementRange range{at, std::min(piece_elements, info.elements() - at)};
      sink.write(t, range,
                 std::span(bytes).subspan(bytes_of(info.dtype, range.first), bytes_of(info.dtype, range.count)));
    }
  }
}

}  // namespace stockpot::test
