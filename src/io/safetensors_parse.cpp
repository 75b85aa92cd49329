#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>
#include <tuple>
#include <utility>

#include "core/error.hpp"
#include "io/safetensors.hpp"
#include "io/safetensors_entries.hpp"

namespace stockpot::io {
namespace {

void check_names_differ(const std::vector<SafetensorsEntry>& entries, std::string_view path) {
  std::vector<std::string_view> names;
  names.reserve(entries.size());
  for (const SafetensorsEntry& entry : entries) names.push_back(entry.info.name);
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice == names.end()) return;
  throw Error(ErrorKind::corrupt_input, "the header describes a tensor twice")
      .code("FMT011")
      .in_file(path)
      .in_tensor(*twice);
}

/// The checks of one tensor, in the order of the reference: offsets, overflow, whole bytes, size.
void check_entry(const SafetensorsEntry& entry, std::uint64_t expected_begin, std::string_view path) {
  const auto refuse = [&](std::string_view code, const std::string& sentence) {
    throw Error(ErrorKind::corrupt_input, sentence).code(code).in_file(path).in_tensor(entry.info.name);
  };
  if (entry.begin != expected_begin || entry.end < entry.begin) {
    refuse("FMT024", fmt::format("data offsets [{}, {}] leave a hole or overlap: data should begin at {}", entry.begin,
                                 entry.end, expected_begin));
  }
  const auto elements = checked_elements(entry.info.shape);
  const auto bits_needed = elements ? checked_multiply(*elements, bits(entry.info.dtype)) : std::nullopt;
  if (!bits_needed) refuse("FMT006", fmt::format("the size of shape {} overflows", to_string(entry.info.shape)));
  if (*bits_needed % 8 != 0) {
    refuse("FMT026", fmt::format("{} elements of {} are not whole bytes", *elements, name(entry.info.dtype)));
  }
  if (entry.end - entry.begin != *bits_needed / 8) {
    refuse("FMT025", fmt::format("shape {} of {} needs {} bytes, data_offsets give {}", to_string(entry.info.shape),
                                 name(entry.info.dtype), *bits_needed / 8, entry.end - entry.begin));
  }
}

}  // namespace

std::uint64_t safetensors_header_bytes(std::string_view first, std::uint64_t file_bytes, std::string_view path) {
  const auto refuse = [&](const std::string& sentence) {
    throw Error(ErrorKind::corrupt_input, sentence)
        .code("FMT020")
        .in_file(path)
        .hint("not a safetensors file, or one that was cut off: compare its size with the original");
  };
  std::uint64_t header_bytes = 0;
  if (file_bytes < sizeof header_bytes || first.size() < sizeof header_bytes) {
    refuse(fmt::format("{} bytes are too few for a safetensors file", file_bytes));
  }
  static_assert(std::endian::native == std::endian::little);
  std::memcpy(&header_bytes, first.data(), sizeof header_bytes);
  if (header_bytes > max_safetensors_header_bytes) {
    refuse(fmt::format("a header of {} bytes is over the limit of {}", header_bytes, max_safetensors_header_bytes));
  }
  if (header_bytes > file_bytes - sizeof header_bytes) {
    refuse(fmt::format("a header of {} bytes does not fit a file of {}", header_bytes, file_bytes));
  }
  return header_bytes;
}

SafetensorsHeader parse_safetensors_header(std::string_view header, std::uint64_t data_bytes, std::string_view path) {
  SafetensorsEntries read = read_safetensors_entries(header, path);
  check_names_differ(read.tensors, path);
  std::stable_sort(read.tensors.begin(), read.tensors.end(), [](const SafetensorsEntry& a, const SafetensorsEntry& b) {
    return std::tie(a.begin, a.end) < std::tie(b.begin, b.end);
  });
  SafetensorsHeader result{.tensors = {}, .metadata = std::move(read.metadata), .warnings = std::move(read.warnings)};
  std::uint64_t end = 0;
  for (SafetensorsEntry& entry : read.tensors) {
    check_entry(entry, end, path);
    end = entry.end;
    result.tensors.push_back({std::move(entry.info), entry.begin});
  }
  if (end != data_bytes) {
    throw Error(ErrorKind::corrupt_input,
                fmt::format("the tensors need {} data bytes, the file has {}", end, data_bytes))
        .code("FMT027")
        .in_file(path)
        .hint("the file looks truncated or has bytes appended: compare its size with the original and copy it again");
  }
  if (result.tensors.empty()) result.warnings.push_back(fmt::format("{}: the file has no tensors", path));
  return result;
}

}  // namespace stockpot::io
