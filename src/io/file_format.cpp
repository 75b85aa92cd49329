#include "io/file_format.hpp"

#include <algorithm>
#include <array>
#include <span>

#include "io/safetensors.hpp"

namespace stockpot::io {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view convert = "this format is not readable yet: convert the model to safetensors";

constexpr ForeignFormat hdf5{"FMT001", "an HDF5 file", convert};
constexpr ForeignFormat gguf{"FMT070", "a GGUF file", convert};
constexpr ForeignFormat pytorch_folder{"FMT001", "PyTorch files of no usual name",
                                       "name the file itself, if the model is in one"};
constexpr ForeignFormat legacy{"FMT040", "a PyTorch file older than version 1.6", "load it and save it as safetensors"};
constexpr ForeignFormat tar{"FMT040", "a tar archive (old PyTorch or NeMo)", "unpack it, or save it as safetensors"};
constexpr ForeignFormat numpy{"FMT001", "a NumPy file", "save the model's weights as safetensors"};
constexpr ForeignFormat lfs_pointer{"FMT001", "a Git LFS pointer, not the weights themselves",
                                    "fetch the weights with: git lfs pull"};
constexpr ForeignFormat megatron{"FMT050", "a Megatron-LM checkpoint", convert};
constexpr ForeignFormat adapter{"REF020", "an adapter (LoRA), not a model", "name the model that it was trained on"};
constexpr ForeignFormat slices{"FMT043", "slices of tensors for model-parallel ranks",
                               "use the model's version in Hugging Face layout"};

struct Signature {
  std::size_t offset;
  std::string_view bytes;
  const ForeignFormat& format;
};
constexpr std::string_view legacy_magic = "\x8A\x0A\x6C\xFC\x9C\x46\xF9\x20\x6A\xA8\x50\x19"sv;
constexpr std::string_view hdf5_magic = "\x89HDF\r\n\x1A\n"sv;
const std::array signatures{
    Signature{0, hdf5_magic, hdf5},
    Signature{0, "GGUF"sv, gguf},
    Signature{2, legacy_magic, legacy},
    Signature{11, legacy_magic, legacy},
    Signature{257, "ustar"sv, tar},
    Signature{0, "\x93NUMPY"sv, numpy},
    Signature{0, "version https://git-lfs"sv, lfs_pointer},
};

std::string bytes_at(const ByteSource& source, std::uint64_t offset, std::uint64_t count) {
  if (offset >= source.size()) return "";
  std::string bytes(std::min(count, source.size() - offset), '\0');
  source.read_at(offset, std::as_writable_bytes(std::span(bytes)));
  return bytes;
}

bool has_at(std::string_view bytes, std::size_t offset, std::string_view wanted) {
  return bytes.size() >= offset && bytes.substr(offset).starts_with(wanted);
}

/// HDF5 may have a block of the user's own before its first byte, of 512 * 2^k bytes.
bool has_hdf5_further_on(const ByteSource& source) {
  for (std::uint64_t offset = 512; offset < source.size() && offset <= (std::uint64_t{1} << 30); offset *= 2) {
    if (bytes_at(source, offset, hdf5_magic.size()) == hdf5_magic) return true;
  }
  return false;
}

bool any_is_like(const std::vector<std::string>& names, std::string_view start, std::string_view end) {
  return std::any_of(names.begin(), names.end(), [&](std::string_view name) {
    return name.size() >= start.size() + end.size() && name.starts_with(start) && name.ends_with(end);
  });
}

}  // namespace

bool looks_like_safetensors(const ByteSource& source) {
  constexpr std::uint64_t length_bytes = 8, start_bytes = 4096;
  const std::string start = bytes_at(source, 0, start_bytes);
  if (start.size() <= length_bytes || start.substr(4, 4) != "\0\0\0\0"sv) return false;
  const auto brace = start.find_first_not_of(" \t\r\n", length_bytes);
  return brace != start.npos && start[brace] == '{';
}

std::optional<ForeignFormat> recognise_file(const ByteSource& source) {
  constexpr std::uint64_t start_bytes = 512;
  const std::string start = bytes_at(source, 0, start_bytes);
  for (const Signature& signature : signatures) {
    if (has_at(start, signature.offset, signature.bytes)) return signature.format;
  }
  if (has_hdf5_further_on(source)) return hdf5;
  return std::nullopt;
}

std::optional<ForeignFormat> recognise_layout(const std::vector<std::string>& names) {
  const auto has = [&](std::string_view name) { return std::binary_search(names.begin(), names.end(), name); };
  if (has("model.h5")) return hdf5;
  const bool is_sharded = has(".metadata") && has("metadata.json");
  if (has("latest_checkpointed_iteration.txt") || is_sharded) return megatron;
  return std::nullopt;
}

std::optional<ForeignFormat> recognise_leftovers(const std::vector<std::string>& names) {
  if (std::binary_search(names.begin(), names.end(), "adapter_config.json")) return adapter;
  if (any_is_like(names, "", ".gguf")) return gguf;
  if (any_is_like(names, "consolidated.", ".pth") || any_is_like(names, "mp_rank_", "")) return slices;
  const bool has_pytorch =
      any_is_like(names, "", ".bin") || any_is_like(names, "", ".pt") || any_is_like(names, "", ".pth");
  return has_pytorch ? std::optional(pytorch_folder) : std::nullopt;
}

}  // namespace stockpot::io
