#include "io/pytorch_item.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "core/error.hpp"
#include "io/crc32.hpp"
#include "io/little_endian.hpp"
#include "io/pickle_writer.hpp"
#include "io/pytorch_dtypes.hpp"

namespace stockpot::io {
namespace {

using namespace std::string_view_literals;

constexpr std::uint64_t all_ones_32 = 0xFFFF'FFFF;
constexpr std::uint64_t alignment = 64;
constexpr std::uint64_t zip64_version = 45, plain_version = 20;
constexpr std::uint64_t first_of_january_1980 = 0x21;  // a day that is there, in a format that knows none earlier

/// An entry of the zip file. All but the last are known whole.
struct Entry {
  std::string_view name;
  std::uint64_t bytes = 0;
  std::uint32_t crc = 0;
  std::uint64_t local = 0;  ///< where its header begins

  bool is_large() const { return bytes >= all_ones_32; }
};

std::uint64_t small(std::uint64_t value) { return value < all_ones_32 ? value : all_ones_32; }

void append_extra(std::string& bytes, std::uint64_t id, std::string_view content) {
  append_little_endian(bytes, id, 2);
  append_little_endian(bytes, content.size(), 2);
  bytes += content;
}

/// Both sizes, for those that do not fit 32 bits.
std::string large_sizes(const Entry& entry) {
  std::string extra, sizes;
  if (!entry.is_large()) return extra;
  append_little_endian(sizes, entry.bytes, 8);
  append_little_endian(sizes, entry.bytes, 8);
  append_extra(extra, 1, sizes);
  return extra;
}

/// What local headers and entries of the list have in common: from the version needed to the length of the name.
std::string common_fields(const Entry& entry) {
  constexpr std::uint64_t names_are_utf8 = 0x0800, is_stored = 0, midnight = 0;
  std::string bytes;
  append_little_endian(bytes, entry.is_large() ? zip64_version : plain_version, 2);
  append_little_endian(bytes, names_are_utf8, 2);
  append_little_endian(bytes, is_stored, 2);
  append_little_endian(bytes, midnight, 2);
  append_little_endian(bytes, first_of_january_1980, 2);
  append_little_endian(bytes, entry.crc, 4);
  append_little_endian(bytes, small(entry.bytes), 4);
  append_little_endian(bytes, small(entry.bytes), 4);
  append_little_endian(bytes, entry.name.size(), 2);
  return bytes;
}

/// @param start  of the header, from the start of the archive: what follows it is aligned.
std::string local_header(const Entry& entry, std::uint64_t start) {
  constexpr std::uint64_t fixed_bytes = 30, extra_header = 4, padding = 0x4246;  // "FB", as PyTorch does it
  std::string extra = large_sizes(entry);
  const std::uint64_t unpadded = start + fixed_bytes + entry.name.size() + extra.size() + extra_header;
  append_extra(extra, padding, std::string((alignment - unpadded % alignment) % alignment, 'Z'));
  std::string bytes = "PK\x03\x04" + common_fields(entry);
  append_little_endian(bytes, extra.size(), 2);
  return bytes + std::string(entry.name) + extra;
}

std::string list_entry(const Entry& entry) {
  constexpr std::uint64_t nothing = 0;
  const std::string extra = large_sizes(entry);
  std::string bytes = "PK\x01\x02";
  append_little_endian(bytes, zip64_version, 2);  // made by
  bytes += common_fields(entry);
  append_little_endian(bytes, extra.size(), 2);
  append_little_endian(bytes, nothing, 2);      // comment
  append_little_endian(bytes, nothing, 2);      // disk
  append_little_endian(bytes, nothing, 2);      // internal attributes
  append_little_endian(bytes, nothing, 4);      // external attributes
  append_little_endian(bytes, entry.local, 4);  // never large: the one entry that can be comes last
  return bytes + std::string(entry.name) + extra;
}

/// The three records after the list. PyTorch writes the 64-bit ones always.
std::string ends(std::uint64_t entries, std::uint64_t list_bytes, std::uint64_t list_offset) {
  constexpr std::uint64_t rest_of_zip64 = 44, nothing = 0, one_disk = 1;
  std::string bytes = "PK\x06\x06";
  append_little_endian(bytes, rest_of_zip64, 8);
  append_little_endian(bytes, zip64_version, 2);
  append_little_endian(bytes, zip64_version, 2);
  append_little_endian(bytes, nothing, 8);  // disks
  append_little_endian(bytes, entries, 8);
  append_little_endian(bytes, entries, 8);
  append_little_endian(bytes, list_bytes, 8);
  append_little_endian(bytes, list_offset, 8);
  bytes += "PK\x06\x07";
  append_little_endian(bytes, nothing, 4);
  append_little_endian(bytes, list_offset + list_bytes, 8);
  append_little_endian(bytes, one_disk, 4);
  bytes += "PK\x05\x06";
  append_little_endian(bytes, nothing, 4);  // disks
  append_little_endian(bytes, entries, 2);
  append_little_endian(bytes, entries, 2);
  append_little_endian(bytes, list_bytes, 4);
  append_little_endian(bytes, small(list_offset), 4);
  append_little_endian(bytes, nothing, 2);  // comment
  return bytes;
}

Shape row_major_strides(const Shape& shape) {
  Shape strides(shape.size(), 1);
  for (std::size_t d = shape.size(); d-- > 1;) {
    strides[d - 1] = strides[d] * std::max<std::uint64_t>(1, shape[d]);
  }
  return strides;
}

/// "torch.FloatStorage" as module and name.
void write_global(PickleWriter& out, std::string_view dotted) {
  const std::size_t dot = dotted.rfind('.');
  out.global(dotted.substr(0, dot), dotted.substr(dot + 1));
}

std::string pickle_of(const TensorInfo& info) {
  const PytorchStorage* storage = pytorch_storage_of(info.dtype);
  const Shape shape = pytorch_shape(info);
  PickleWriter out;
  out.global("torch._utils", storage != nullptr ? "_rebuild_tensor_v2" : "_rebuild_tensor_v3");
  out.mark();
  out.mark();
  out.text("storage");
  write_global(out, storage != nullptr ? storage->name : "torch.storage.UntypedStorage");
  out.text("0");
  out.text("cpu");
  out.integer(storage != nullptr ? info.elements() : info.bytes());
  out.tuple();
  out.persistent();
  out.integer(0);
  out.numbers(shape);
  out.numbers(row_major_strides(shape));
  out.no();  // requires no gradient
  out.global("collections", "OrderedDict");
  out.empty_tuple();
  out.reduce();
  if (storage == nullptr) write_global(out, pytorch_dtype_of(info.dtype));
  out.tuple();
  out.reduce();
  return out.take();
}

struct Archive {
  std::string before;  ///< everything before the elements
  std::vector<Entry> entries;
};

Archive archive_of(std::string_view pickle, std::uint64_t data_bytes, std::uint32_t data_crc) {
  Archive archive;
  const auto begin = [&](std::string_view name, std::uint64_t bytes, std::uint32_t crc) {
    archive.entries.push_back({name, bytes, crc, archive.before.size()});
    archive.before += local_header(archive.entries.back(), archive.before.size());
  };
  for (const auto& [name, content] :
       {std::pair{"archive/data.pkl"sv, pickle}, {"archive/byteorder"sv, "little"sv}, {"archive/version"sv, "3\n"sv}}) {
    begin(name, content.size(), crc32(std::as_bytes(std::span(content))));
    archive.before += content;
  }
  begin("archive/data/0", data_bytes, data_crc);
  return archive;
}

}  // namespace

Shape pytorch_shape(const TensorInfo& info) {
  Shape shape = info.shape;
  if (info.dtype == DType::f4) shape.back() /= 2;
  return shape;
}

PytorchItem::PytorchItem(const TensorInfo& info) : data_bytes_(info.bytes()) {
  const bool is_cut = info.dtype == DType::f4 && (info.shape.empty() || info.shape.back() % 2 != 0);
  if (pytorch_dtype_of(info.dtype).empty() || is_cut) {
    throw Error(ErrorKind::recipe,
                fmt::format("PyTorch has no {} of shape {}", name(info.dtype), to_string(info.shape)))
        .code("CFG015")
        .in_tensor(info.name)
        .hint("write the output as safetensors");
  }
  pickle_ = pickle_of(info);
}

std::string PytorchItem::head(std::uint32_t crc32) const { return archive_of(pickle_, data_bytes_, crc32).before; }

std::string PytorchItem::tail(std::uint32_t crc32) const {
  const Archive archive = archive_of(pickle_, data_bytes_, crc32);
  std::string list;
  for (const Entry& entry : archive.entries) list += list_entry(entry);
  const std::uint64_t list_offset = archive.before.size() + data_bytes_;
  return list + ends(archive.entries.size(), list.size(), list_offset);
}

}  // namespace stockpot::io
