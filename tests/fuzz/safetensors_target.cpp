// A safetensors file without its data: the length of the data in eight bytes, then the header.
#include <cstring>

#include "fuzz.hpp"
#include "io/safetensors.hpp"

void stockpot::fuzz::target(std::string_view input) {
  std::uint64_t data_bytes = 0;
  if (input.size() < sizeof data_bytes) return;
  std::memcpy(&data_bytes, input.data(), sizeof data_bytes);
  io::safetensors_header_bytes(input.substr(0, sizeof data_bytes), input.size(), "f");
  const io::SafetensorsHeader header = io::parse_safetensors_header(input.substr(sizeof data_bytes), data_bytes, "f");

  std::uint64_t at = 0;
  for (const io::PlacedTensor& tensor : header.tensors) {
    require(tensor.offset == at, "tensors lie end to end");
    at += tensor.info.bytes();
  }
  require(header.tensors.empty() || at == data_bytes, "tensors fill the data");
  const std::string written = io::write_safetensors_header(header.tensors, header.metadata);
  const auto again = io::parse_safetensors_header(std::string_view(written).substr(sizeof data_bytes), data_bytes, "f");
  require(again.tensors.size() == header.tensors.size(), "what is written is read again");
}
