// A PyTorch file: the zip's directory, the pickle in it, and the tensors that the pickle describes.
#include "fuzz.hpp"
#include "io/pytorch_file.hpp"
#include "support/memory_source.hpp"

namespace stockpot::fuzz {
namespace {

/// Elements from a tensor's first to its last in the file. Readers have checked that it fits.
std::uint64_t span_of(const StoredTensor& tensor) {
  if (tensor.info.elements() == 0) return 0;
  if (tensor.strides.empty()) return tensor.info.elements();
  std::uint64_t last = 0;
  for (std::size_t d = 0; d < tensor.strides.size(); ++d) last += (tensor.info.shape[d] - 1) * tensor.strides[d];
  return last + 1;
}

}  // namespace

void target(std::string_view input) {
  const test::MemorySource source("f", input);
  io::ShardFile shard;
  io::read_pytorch_file(source, "f", shard);
  for (const StoredTensor& tensor : shard.tensors) {
    const std::uint64_t bytes = bytes_of(tensor.info.dtype, span_of(tensor));
    require(tensor.offset <= input.size() && bytes <= input.size() - tensor.offset, "a tensor lies in its file");
  }
}

}  // namespace stockpot::fuzz
