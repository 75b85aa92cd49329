#include "engine/same_bytes.hpp"

#include <algorithm>
#include <vector>

namespace stockpot::engine {

bool same_bytes(const TensorInModel& a, const TensorInModel& b, InputFiles& files) {
  constexpr std::uint64_t piece = std::uint64_t{1} << 20;
  if (a.tensor.info.dtype != b.tensor.info.dtype || a.tensor.info.shape != b.tensor.info.shape) return false;
  const auto file_a = files.get(a.model.files[a.tensor.file].path);
  const auto file_b = files.get(b.model.files[b.tensor.file].path);
  std::vector<std::byte> bytes_a(std::min(piece, a.tensor.info.bytes()));
  std::vector<std::byte> bytes_b(bytes_a.size());
  for (std::uint64_t at = 0; at < a.tensor.info.bytes(); at += piece) {
    const auto count = std::min(piece, a.tensor.info.bytes() - at);
    file_a->read_at(a.tensor.offset + at, std::span(bytes_a).first(count));
    file_b->read_at(b.tensor.offset + at, std::span(bytes_b).first(count));
    if (!std::ranges::equal(std::span(bytes_a).first(count), std::span(bytes_b).first(count))) return false;
  }
  return true;
}

}  // namespace stockpot::engine
