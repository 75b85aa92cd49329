#include "io/published_output.hpp"

#include <algorithm>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <span>

#include "core/error.hpp"
#include "io/checkpoint.hpp"
#include "io/dcp_metadata.hpp"
#include "io/hdf5_checkpoint.hpp"
#include "io/hdf5_sink.hpp"
#include "io/posix_file.hpp"

namespace stockpot::io {
namespace {

Error bad_catalogue(const std::string& path, std::string_view what) {
  return Error(ErrorKind::corrupt_input, "the catalogue of an HDF5 checkpoint " + std::string(what))
      .code("FMT060")
      .in_file(path);
}

StoredTensor parse_entry(const std::string& name, const nlohmann::json& entry, const std::string& path) {
  try {
    const auto dtype = parse_dtype(entry.at("dtype").get<std::string>());
    if (!dtype) throw bad_catalogue(path, "names an unknown dtype").in_tensor(name);
    StoredTensor tensor{{name, *dtype, entry.at("shape").get<Shape>()}, 0, entry.at("offset").get<std::uint64_t>()};
    const auto elements = checked_elements(tensor.info.shape);
    const auto all_bits = elements ? checked_multiply(*elements, bits(*dtype)) : std::nullopt;
    if (!all_bits || *all_bits / 8 != entry.at("nbytes").get<std::uint64_t>()) {
      throw bad_catalogue(path, "has a size that does not fit shape and dtype").in_tensor(name);
    }
    return tensor;
  } catch (const nlohmann::json::exception&) {
    throw bad_catalogue(path, "has an incomplete entry").in_tensor(name);
  }
}

void check_places(const Catalogue& catalogue, const std::string& path) {
  std::vector<const StoredTensor*> by_offset;
  for (const StoredTensor& tensor : catalogue.tensors) {
    if (tensor.info.bytes() > 0) by_offset.push_back(&tensor);
  }
  std::sort(by_offset.begin(), by_offset.end(), [](const auto* a, const auto* b) { return a->offset < b->offset; });
  std::uint64_t free_from = 0;
  for (const StoredTensor* tensor : by_offset) {
    const auto end = checked_add(tensor->offset, tensor->info.bytes());
    if (tensor->offset < free_from || !end || *end > catalogue.files[0].bytes) {
      throw bad_catalogue(path, "has data that overlaps or lies outside the file").in_tensor(tensor->info.name);
    }
    free_from = *end;
  }
}

PublishedOutput read_hdf5_output(const std::string& path) {
  const std::string text = read_hdf5_catalogue(path);
  const auto json = nlohmann::json::parse(text, nullptr, false);  // a map: there may be 100,000 names
  if (!json.is_object() || !json.contains("tensors") || !json["tensors"].is_object()) {
    throw bad_catalogue(path, "has no tensors");
  }
  PublishedOutput output;
  output.catalogue.files.push_back(PosixSource(path).stored());
  for (const auto& [name, entry] : json["tensors"].items()) {
    output.catalogue.tensors.push_back(parse_entry(name, entry, path));
  }
  std::sort(output.catalogue.tensors.begin(), output.catalogue.tensors.end(),
            [](const StoredTensor& a, const StoredTensor& b) { return a.info.name < b.info.name; });
  check_places(output.catalogue, path);
  output.headers.push_back(digest_block(std::as_bytes(std::span(text))));
  return output;
}

void add_bytes(const PosixSource& source, std::uint64_t begin, std::uint64_t end, DigestStream& digest) {
  constexpr std::uint64_t piece_bytes = std::uint64_t{1} << 20;
  std::vector<std::byte> piece;
  for (std::uint64_t at = begin; at < end; at += piece.size()) {
    piece.resize(std::min(end - at, piece_bytes));
    source.read_at(at, piece);
    digest.add(piece);
  }
}

/// Of a file of a distributed checkpoint: everything that is not a tensor's data.
Digest frame_digest(const StoredFile& file, std::uint32_t number, const Catalogue& catalogue) {
  std::map<std::uint64_t, std::uint64_t> data;  // end by begin
  for (const StoredTensor& tensor : catalogue.tensors) {
    if (tensor.file == number && tensor.info.bytes() > 0) data[tensor.offset] = tensor.offset + tensor.info.bytes();
  }
  data[file.bytes] = file.bytes;
  const PosixSource source(file.path);
  DigestStream digest;
  std::uint64_t at = 0;
  for (const auto& [begin, end] : data) {
    add_bytes(source, at, begin, digest);
    at = end;
  }
  return digest.digest();
}

/// Tensors in several pieces are none of Stockpot's.
PublishedOutput read_dcp_output(const std::string& directory) {
  PublishedOutput output{read_dcp_catalogue(directory, directory), {}};
  for (const StoredTensor& tensor : output.catalogue.tensors) {
    if (tensor.pieces.empty() && tensor.strides.empty()) continue;
    throw Error(ErrorKind::corrupt_input, "a tensor of the output lies in several pieces")
        .code("FMT050")
        .in_file(output.catalogue.files[tensor.file].path)
        .in_tensor(tensor.info.name);
  }
  for (std::uint32_t f = 0; f < output.catalogue.files.size(); ++f) {
    output.headers.push_back(frame_digest(output.catalogue.files[f], f, output.catalogue));
  }
  return output;
}

/// Of a safetensors file: everything before its first data byte.
Digest header_digest(const std::string& path, std::uint64_t header_bytes) {
  std::vector<std::byte> header(header_bytes);
  PosixSource(path).read_at(0, header);
  return digest_block(header);
}

}  // namespace

PublishedOutput read_published_output(const std::string& directory, const Manifest& manifest) {
  if (manifest.lists(hdf5_file_name)) {
    return read_hdf5_output((std::filesystem::path(directory) / hdf5_file_name).string());
  }
  if (manifest.lists(dcp_index_name)) return read_dcp_output(directory);
  PublishedOutput output{read_catalogue(directory, directory), {}};
  std::vector<std::uint64_t> data_start;
  for (const StoredFile& file : output.catalogue.files) data_start.push_back(file.bytes);
  for (const StoredTensor& tensor : output.catalogue.tensors) {
    data_start[tensor.file] = std::min(data_start[tensor.file], tensor.offset);
  }
  for (std::size_t f = 0; f < data_start.size(); ++f) {
    output.headers.push_back(header_digest(output.catalogue.files[f].path, data_start[f]));
  }
  return output;
}

Manifest::OutputFile describe_small_file(const std::string& directory, const std::string& name) {
  const PosixSource source((std::filesystem::path(directory) / name).string());
  DigestStream digest;
  add_bytes(source, 0, source.size(), digest);
  return {.name = name, .bytes = source.size(), .digest = digest.digest()};
}

}  // namespace stockpot::io
