#include "engine/tensor_digests.hpp"

#include <cstring>

#include "core/bytes.hpp"

namespace stockpot::engine {

TensorDigests::TensorDigests(std::vector<TensorInfo> tensors) : tensors_(std::move(tensors)), trees_(tensors_.size()) {}

void TensorDigests::add(std::uint32_t tensor, ElementRange range, std::span<const std::byte> bytes) {
  io::DigestTree run;
  io::digest_blocks(tensors_[tensor].dtype, range, bytes, run);
  add(tensor, run);
}

void TensorDigests::add(std::uint32_t tensor, const io::DigestTree& run) {
  const std::lock_guard lock(mutexes_[tensor % mutexes_.size()]);
  for (const auto& node : run.nodes()) trees_[tensor].insert(node.level, node.index, node.value);
}

std::string TensorDigests::pack() const {
  ByteWriter out;
  for (std::size_t tensor = 0; tensor < trees_.size(); ++tensor) {
    for (const auto& node : trees_[tensor].nodes()) {
      out.number(tensor);
      out.number(node.level);
      out.number(node.index);
      out.text({reinterpret_cast<const char*>(node.value.bytes.data()), node.value.bytes.size()});
    }
  }
  return out.take();
}

std::vector<io::Digest> TensorDigests::collect(const comm::Communicator& comm) const {
  const std::vector<std::string> parts = comm.gather(pack());
  if (!comm.is_root()) return {};
  std::vector<io::DigestTree> whole(trees_.size());
  for (const std::string& part : parts) {
    ByteReader in(part);
    while (!in.done()) {
      const auto tensor = in.number();
      const auto level = static_cast<std::uint32_t>(in.number());
      const auto index = in.number();
      const std::string bytes = in.text();
      io::Digest digest;
      std::memcpy(digest.bytes.data(), bytes.data(), digest.bytes.size());
      whole[tensor].insert(level, index, digest);
    }
  }
  std::vector<io::Digest> digests;
  digests.reserve(whole.size());
  for (std::size_t tensor = 0; tensor < whole.size(); ++tensor) {
    digests.push_back(io::tensor_digest(whole[tensor], tensors_[tensor].elements()));
  }
  return digests;
}

}  // namespace stockpot::engine
