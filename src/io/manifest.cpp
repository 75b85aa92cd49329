#include "io/manifest.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "core/error.hpp"
#include "core/version.hpp"
#include "io/json.hpp"
#include "io/shard_index.hpp"

namespace stockpot::io {
namespace {

using nlohmann::json;          // sorts its keys
using nlohmann::ordered_json;  // what parse_json gives

constexpr std::uint64_t schema_version = 1;
/// As many tensors as a model may have, each an object of four texts and a shape of four dimensions, and what else there is.
constexpr JsonLimits limits{.values = 4'000'000 * 10 + 1'000'000};

json input_json(const Manifest::Input& input) {
  json files = json::array();
  for (const auto& file : input.files) files.push_back({{"name", file.name}, {"bytes", file.bytes}});
  return {{"model", input.model}, {"tensor_table_sha256", input.tensor_table_sha256}, {"files", std::move(files)}};
}

json files_json(const std::vector<Manifest::OutputFile>& files) {
  json list = json::array();
  for (const auto& file : files) {
    list.push_back({{"name", file.name}, {"bytes", file.bytes}, {"digest", file.digest.hex()}});
  }
  return list;
}

json output_json(const Manifest& manifest) {
  json tensors = json::array();
  for (const auto& tensor : manifest.tensors) {
    tensors.push_back({{"name", tensor.info.name},
                       {"dtype", name(tensor.info.dtype)},
                       {"shape", tensor.info.shape},
                       {"file", tensor.file},
                       {"digest", tensor.digest.hex()}});
  }
  json output = {{"digest", digest_algorithm}, {"files", files_json(manifest.files)}, {"tensors", std::move(tensors)}};
  if (!manifest.small_files.empty()) output["small_files"] = files_json(manifest.small_files);
  return output;
}

Error malformed(const std::string& sentence) {
  return Error(ErrorKind::corrupt_input, sentence)
      .code("FMT022")
      .hint("the manifest was changed or damaged after the merge wrote it");
}

const ordered_json& member(const ordered_json& object, const char* key) {
  if (!object.is_object()) throw malformed("the manifest lacks a JSON object").with("key", key);
  const auto at = object.find(key);
  if (at == object.end()) throw malformed("the manifest lacks a key").with("key", key);
  return *at;
}

std::string text_of(const ordered_json& object, const char* key) {
  const ordered_json& value = member(object, key);
  if (!value.is_string()) throw malformed("the manifest holds something else than a text").with("key", key);
  return value.get<std::string>();
}

std::uint64_t number_of(const ordered_json& object, const char* key) {
  const ordered_json& value = member(object, key);
  if (!value.is_number_unsigned()) throw malformed("the manifest holds something else than a count").with("key", key);
  return value.get<std::uint64_t>();
}

const ordered_json& list_of(const ordered_json& object, const char* key) {
  const ordered_json& value = member(object, key);
  if (!value.is_array()) throw malformed("the manifest holds something else than a list").with("key", key);
  return value;
}

Digest digest_of(const ordered_json& object) {
  const std::string text = text_of(object, "digest");
  if (const auto digest = Digest::parse(text)) return *digest;
  throw malformed("the manifest holds a digest that is not 32 hexadecimal digits").with("digest", text);
}

std::string sha256_of(const ordered_json& object, const char* key) {
  std::string text = text_of(object, key);
  const bool is_hex = text.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (text.size() == 64 && is_hex) return text;
  throw malformed("the manifest holds a SHA-256 that is not 64 hexadecimal digits").with(key, text);
}

// `verify` joins these to the directory that it was given: they must not lead out of it.
std::string file_name_of(const ordered_json& object, const char* key) {
  std::string text = text_of(object, key);
  const std::string_view whole = text;
  const std::size_t slash = whole.find('/');  // an output has folders, but none in another
  auto mistake = check_plain_file_name(whole.substr(0, slash));
  if (!mistake && slash != std::string_view::npos) mistake = check_plain_file_name(whole.substr(slash + 1));
  if (!mistake) return text;
  throw malformed(fmt::format("a file name in the manifest {}", *mistake)).code("FMT002").with(key, text);
}

TensorInfo tensor_info_of(const ordered_json& object) {
  constexpr std::size_t most_dimensions = 32;
  TensorInfo info{.name = text_of(object, "name"), .dtype = DType::f32, .shape = {}};
  const std::string dtype_name = text_of(object, "dtype");
  const auto dtype = parse_dtype(dtype_name);
  if (!dtype) throw malformed("the manifest names an unknown element type").code("FMT023").with("dtype", dtype_name);
  info.dtype = *dtype;
  const ordered_json& shape = list_of(object, "shape");
  if (shape.size() > most_dimensions) throw malformed("a tensor has more than 32 dimensions").code("FMT005");
  for (const ordered_json& extent : shape) {
    if (!extent.is_number_unsigned()) throw malformed("the manifest holds a dimension that is not a count");
    info.shape.push_back(extent.get<std::uint64_t>());
  }
  const auto elements = checked_elements(info.shape);
  if (!elements || !checked_multiply(*elements, bits(info.dtype))) {
    throw malformed("a tensor's size does not fit 64 bits").code("FMT006");
  }
  return info;
}

Manifest::Input input_of(const ordered_json& object) {
  Manifest::Input input{
      .model = text_of(object, "model"), .tensor_table_sha256 = sha256_of(object, "tensor_table_sha256"), .files = {}};
  for (const ordered_json& file : list_of(object, "files")) {
    input.files.push_back({.name = text_of(file, "name"), .bytes = number_of(file, "bytes")});
  }
  return input;
}

Manifest::OutputFile output_file_of(const ordered_json& object) {
  return {.name = file_name_of(object, "name"), .bytes = number_of(object, "bytes"), .digest = digest_of(object)};
}

void read_small_files(const ordered_json& list, Manifest& manifest) {
  for (const ordered_json& object : list) {
    Manifest::OutputFile file = output_file_of(object);
    if (manifest.lists(file.name)) throw malformed("a file is listed twice").with("name", file.name);
    if (!manifest.small_files.empty() && manifest.small_files.back().name >= file.name) {
      throw malformed("the small files are not in ascending order of name").with("name", file.name);
    }
    manifest.small_files.push_back(std::move(file));
  }
}

void read_output(const ordered_json& output, Manifest& manifest) {
  if (const std::string algorithm = text_of(output, "digest"); algorithm != digest_algorithm) {
    throw malformed("the manifest uses an unknown kind of digest").with("digest", algorithm);
  }
  std::set<std::string> file_names;
  for (const ordered_json& object : list_of(output, "files")) {
    const auto& file = manifest.files.emplace_back(output_file_of(object));
    if (!file_names.insert(file.name).second) throw malformed("a file is listed twice").with("name", file.name);
  }
  if (output.contains("small_files")) read_small_files(list_of(output, "small_files"), manifest);
  for (const ordered_json& object : list_of(output, "tensors")) {
    Manifest::OutputTensor tensor{
        .info = tensor_info_of(object), .file = file_name_of(object, "file"), .digest = digest_of(object)};
    if (!file_names.contains(tensor.file)) {
      throw malformed("a tensor lies in a file that is not listed").in_tensor(tensor.info.name);
    }
    if (!manifest.tensors.empty() && manifest.tensors.back().info.name >= tensor.info.name) {
      throw malformed("the tensors are not in ascending order of name").in_tensor(tensor.info.name);
    }
    manifest.tensors.push_back(std::move(tensor));
  }
}

void require_our_version(const ordered_json& document) {
  const std::uint64_t schema = number_of(document, "schema_version");
  const std::string contract = text_of(document, "numeric_contract");
  if (schema == schema_version && contract == numeric_contract) return;
  throw Error(ErrorKind::recipe, "this manifest was made by a version of Stockpot that this one cannot stand in for")
      .with("schema", std::to_string(schema))
      .with("contract", contract)
      .hint("use the version that made it: the manifest names it under stockpot_version");
}

Manifest read(const ordered_json& document) {
  require_our_version(document);
  Manifest manifest;
  manifest.stockpot_version = text_of(document, "stockpot_version");
  manifest.method = text_of(document, "method");
  manifest.recipe_sha256 = sha256_of(document, "recipe_sha256");
  manifest.seed = number_of(document, "seed");
  for (const ordered_json& input : list_of(document, "inputs")) manifest.inputs.push_back(input_of(input));
  read_output(member(document, "output"), manifest);
  return manifest;
}

}  // namespace

bool Manifest::lists(std::string_view file) const {
  return std::ranges::find(files, file, &OutputFile::name) != files.end();
}

std::string tensor_table_sha256(std::span<const StoredTensor> tensors) {
  std::string lines;
  for (const StoredTensor& tensor : tensors) {
    lines += json::array({tensor.info.name, name(tensor.info.dtype), tensor.info.shape}).dump() + '\n';
  }
  return sha256_hex(lines);
}

std::string to_json(const Manifest& manifest) {
  json inputs = json::array();
  for (const auto& input : manifest.inputs) inputs.push_back(input_json(input));
  const json document = {{"schema_version", schema_version},
                         {"numeric_contract", numeric_contract},
                         {"stockpot_version", manifest.stockpot_version},
                         {"method", manifest.method},
                         {"recipe_sha256", manifest.recipe_sha256},
                         {"seed", manifest.seed},
                         {"inputs", std::move(inputs)},
                         {"output", output_json(manifest)}};
  return document.dump() + '\n';
}

Manifest parse_manifest(std::string_view text, const std::string& path) {
  const ordered_json document = parse_json(text, path, "FMT022", limits);
  try {
    Manifest manifest = read(document);
    // Whatever else could differ, a key given twice, an unknown one, another spelling of a number, would be a place
    // where two readers see two things.
    if (to_json(manifest) != text) throw malformed("the manifest is not in canonical form");
    return manifest;
  } catch (Error& error) {
    error.in_file(path);
    throw;
  }
}

}  // namespace stockpot::io
