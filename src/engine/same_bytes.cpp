#include "engine/same_bytes.hpp"

#include <algorithm>
#include <vector>

#include "io/stored_elements.hpp"

namespace stockpot::engine {

bool same_bytes(const TensorInModel& a, const TensorInModel& b, InputFiles& files) {
  constexpr std::uint64_t piece = std::uint64_t{1} << 20;  // elements
  if (a.tensor.info.dtype != b.tensor.info.dtype || a.tensor.info.shape != b.tensor.info.shape) return false;
  if (&a.model == &b.model && a.tensor.file == b.tensor.file && a.tensor.offset == b.tensor.offset &&
      a.tensor.strides == b.tensor.strides) {
    return true;  // two names of one tensor
  }
  const auto file_a = files.of(a.model, a.tensor);
  const auto file_b = files.of(b.model, b.tensor);
  const std::uint64_t elements = a.tensor.info.elements();
  std::vector<std::byte> bytes_a(bytes_of(a.tensor.info.dtype, std::min(piece, elements)));
  std::vector<std::byte> bytes_b(bytes_a.size());
  for (std::uint64_t at = 0; at < elements; at += piece) {
    const ElementRange range{at, std::min(piece, elements - at)};
    const auto count = bytes_of(a.tensor.info.dtype, range.count);
    io::read_elements(*file_a, a.tensor, range, std::span(bytes_a).first(count));
    io::read_elements(*file_b, b.tensor, range, std::span(bytes_b).first(count));
    if (!std::ranges::equal(std::span(bytes_a).first(count), std::span(bytes_b).first(count))) return false;
  }
  return true;
}

}  // namespace stockpot::engine
