#include "io/shard_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <utility>

#include "core/error.hpp"
#include "io/file_format.hpp"
#include "io/posix_file.hpp"
#include "io/pytorch_file.hpp"
#include "io/safetensors.hpp"

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

void read_safetensors_file(const ByteSource& source, const std::string& shown, ShardFile& shard) {
  std::string first(std::min<std::uint64_t>(source.size(), sizeof(std::uint64_t)), '\0');
  source.read_at(0, std::as_writable_bytes(std::span(first)));
  std::string text(safetensors_header_bytes(first, source.size(), shown), '\0');
  source.read_at(first.size(), std::as_writable_bytes(std::span(text)));
  const std::uint64_t data_offset = first.size() + text.size();
  SafetensorsHeader header = parse_safetensors_header(text, source.size() - data_offset, shown);
  refuse_parts_of_tensors(header, shown);
  shard.tensors.reserve(header.tensors.size());
  for (PlacedTensor& tensor : header.tensors) {
    shard.tensors.push_back({std::move(tensor.info), 0, data_offset + tensor.offset});
  }
  shard.warnings = std::move(header.warnings);
}

struct Format {
  bool (*recognises)(const ByteSource&);
  void (*read)(const ByteSource&, const std::string& shown, ShardFile&);
};
/// The formats that are read, in the order in which they are tried.
constexpr Format formats[] = {
    {looks_like_safetensors, read_safetensors_file},
    {looks_like_zip, read_pytorch_file},
};

}  // namespace

ShardFile read_shard(const std::string& real_path, const std::string& shown) {
  const PosixSource source(real_path);
  ShardFile shard{source.stored(), {}, {}};
  for (const Format& format : formats) {
    if (!format.recognises(source)) continue;
    format.read(source, shown, shard);
    return shard;
  }
  if (const auto foreign = recognise_file(source)) {
    throw Error(ErrorKind::corrupt_input, fmt::format("the file is {}", foreign->what))
        .code(foreign->code)
        .in_file(shown)
        .hint(foreign->hint);
  }
  read_safetensors_file(source, shown, shard);  // says what is wrong
  return shard;
}

}  // namespace stockpot::io
