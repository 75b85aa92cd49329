#include "io/shard_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "core/error.hpp"
#include "io/file_format.hpp"
#include "io/posix_file.hpp"

namespace stockpot::io {
namespace {

/// A chunk of a tensor looks like a tensor in such a file: merging chunks as tensors would be silently wrong.
void refuse_parts_of_tensors(const SafetensorsHeader& header, const std::string& shown) {
  if (!header.metadata.contains("DCP_SHARDING_INFO")) return;
  throw Error(ErrorKind::corrupt_input, "the file holds parts of tensors, written by PyTorch distributed checkpointing")
      .code("FMT001")
      .in_file(shown)
      .hint("consolidate the checkpoint into whole tensors first");
}

}  // namespace

ShardFile read_shard(const std::string& real_path, const std::string& shown) {
  const PosixSource source(real_path);
  if (!looks_like_safetensors(source)) {
    if (const auto foreign = recognise_file(source)) {
      throw Error(ErrorKind::corrupt_input, fmt::format("the file is {}", foreign->what))
          .code(foreign->code)
          .in_file(shown)
          .hint(foreign->hint);
    }
  }
  std::string first(std::min<std::uint64_t>(source.size(), sizeof(std::uint64_t)), '\0');
  source.read_at(0, std::as_writable_bytes(std::span(first)));
  std::string header(safetensors_header_bytes(first, source.size(), shown), '\0');
  source.read_at(first.size(), std::as_writable_bytes(std::span(header)));
  const std::uint64_t data_offset = first.size() + header.size();
  ShardFile shard{source.stored(), data_offset, parse_safetensors_header(header, source.size() - data_offset, shown)};
  refuse_parts_of_tensors(shard.header, shown);
  return shard;
}

}  // namespace stockpot::io
