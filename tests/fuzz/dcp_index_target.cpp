// The .metadata of a distributed checkpoint: what it says of a tensor's chunks holds.
#include <vector>

#include "fuzz.hpp"
#include "io/dcp_index.hpp"

void stockpot::fuzz::target(std::string_view input) {
  io::DcpIndex index =
      io::read_dcp_index(std::vector{io::DcpMetadata{std::string(input), "f"}}, io::DcpNames::of_a_trainer);
  require(!index.tensors.empty(), "there are tensors");
  for (const io::DcpTensor& tensor : index.tensors) {
    std::uint64_t elements = 0;
    for (const io::DcpChunk& chunk : tensor.chunks) {
      elements += *checked_elements(chunk.count);
      require(chunk.file.find('/') == std::string::npos, "files are beside the index");
    }
    require(elements * (tensor.info.dtype == DType::f4 ? 2 : 1) == tensor.info.elements(), "chunks cover the tensor");
  }
  io::strip_wrappers(index);
}
