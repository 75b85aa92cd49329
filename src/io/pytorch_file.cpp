#include "io/pytorch_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <span>
#include <utility>

#include "core/error.hpp"
#include "core/utf8.hpp"
#include "io/pickle.hpp"
#include "io/pytorch_tensor.hpp"
#include "io/state_dict.hpp"
#include "io/zip_directory.hpp"

namespace stockpot::io {
namespace {

constexpr std::uint64_t max_pickle_bytes = std::uint64_t{1} << 30;
constexpr std::string_view pickle_entry_name = "/data.pkl";

Error refusal(std::string_view code, const std::string& sentence, const std::string& shown, std::string_view hint) {
  return Error(ErrorKind::corrupt_input, sentence).code(code).in_file(shown).hint(hint);
}

/// Model-parallel training writes a file for each rank: its tensors are slices, which look like whole ones.
void refuse_slices(const std::string& shown) {
  const std::filesystem::path path(shown);
  const std::string file = path.filename().string(), folder = path.parent_path().filename().string();
  const auto is_of_a_rank = [](const std::string& name) {
    return name.find("mp_rank_") != name.npos || name.starts_with("zero_pp_rank_");
  };
  if (!is_of_a_rank(file) && !is_of_a_rank(folder)) return;
  throw refusal("FMT043", "the file is one rank's part of a model trained in parallel", shown,
                "merge the parts with the tool of the training framework first");
}

/// The folder of all entries: the file's name when it was saved, or "archive".
std::string root_of(const ZipDirectory& zip, const std::string& shown) {
  std::string root;
  for (const ZipEntry& entry : zip.entries()) {
    const std::string_view name = entry.name;
    const std::size_t slash = name.find('/');
    if (slash == name.npos || slash == 0 || name.substr(slash) != pickle_entry_name) continue;
    if (!root.empty())
      throw refusal("FMT030", "the zip file has two data.pkl", shown, "give a file made by torch.save");
    root = name.substr(0, slash);
  }
  if (root.empty()) {
    throw refusal("FMT001", "the file is a zip file that is no PyTorch model", shown,
                  "give the model's folder or weight file");
  }
  const std::string code = root + "/code/";
  const bool is_script = zip.find(root + "/constants.pkl") != nullptr ||
                         std::ranges::any_of(zip.entries(), [&](const auto& e) { return e.name.starts_with(code); });
  if (!is_script) return root;
  throw refusal("FMT041", "the file is a TorchScript program", shown, "save the model's weights as safetensors");
}

std::string content(const ByteSource& source, const ZipEntry& entry, std::uint64_t limit_bytes,
                    const std::string& shown) {
  if (entry.bytes > limit_bytes) {
    throw refusal("FMT005",
                  fmt::format("the entry '{}' has {} bytes, more than {}", entry.name, entry.bytes, limit_bytes), shown,
                  "give a file made by torch.save");
  }
  std::string bytes(entry.bytes, '\0');
  source.read_at(entry.offset, std::as_writable_bytes(std::span(bytes)));
  return bytes;
}

/// The text of a small entry without white space; empty if there is none.
std::string note(const ByteSource& source, const ZipDirectory& zip, const std::string& name, const std::string& shown) {
  constexpr std::uint64_t limit_bytes = 64;
  const ZipEntry* entry = zip.find(name);
  if (entry == nullptr) return "";
  std::string text = content(source, *entry, limit_bytes, shown);
  std::erase_if(text, [](char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; });
  return text;
}

void check_stored(const ZipDirectory& zip, const std::string& shown) {
  const auto packed = std::ranges::find_if(zip.entries(), [](const ZipEntry& entry) { return !entry.stored; });
  if (packed == zip.entries().end()) return;
  throw refusal("FMT031", "an entry of the zip file is compressed or encrypted", shown,
                "PyTorch stores its entries plainly: load the model and save it again")
      .with("entry", packed->name);
}

void check_notes(const ByteSource& source, const ZipDirectory& zip, const std::string& root, const std::string& shown) {
  const std::string order = note(source, zip, root + "/byteorder", shown);
  if (!order.empty() && order != "little") {
    throw refusal("FMT035", fmt::format("the file's numbers have the byte order '{}', not 'little'", order), shown,
                  "load the model and save it again on a little-endian machine");
  }
  const std::string version = note(source, zip, root + "/version", shown);
  const bool is_number = !version.empty() && version.find_first_not_of("0123456789") == version.npos;
  if (version.empty() || (is_number && (version.size() == 1 || version == "10") && version != "0")) return;
  throw refusal("FMT001", fmt::format("version '{}' of PyTorch's files is unknown", version), shown,
                "save the model as safetensors");
}

void check_names_differ(const std::vector<StoredTensor>& tensors, const std::string& shown) {
  std::vector<std::string_view> names;
  names.reserve(tensors.size());
  for (const StoredTensor& tensor : tensors) names.push_back(tensor.info.name);
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice == names.end()) return;
  throw refusal("FMT011", "two tensors of the file have the same name", shown, "save the weights alone")
      .in_tensor(*twice);
}

std::string left_out(const std::vector<std::string>& names, const std::string& shown) {
  constexpr std::size_t most = 10;
  std::string list;
  for (std::size_t i = 0; i < std::min(most, names.size()); ++i) list += (i == 0 ? "" : ", ") + names[i];
  return fmt::format("{}: values that are no tensors are left out: {}{}", shown, list,
                     names.size() > most ? " ..." : "");
}

/// Names in the file may be any bytes; messages are text.
std::string readable(std::string_view bytes) {
  if (is_utf8(bytes)) return std::string(bytes);
  std::string text;
  for (const char c : bytes) text += static_cast<unsigned char>(c) < 0x80 ? std::string(1, c) : std::string("?");
  return text;
}

Error readable(const Error& error) {
  Error text(error.kind(), readable(error.sentence()));
  text.code(error.class_code()).hint(error.hint());
  for (const auto& [name, value] : error.context()) text.with(name, readable(value));
  return text;
}

void read(const ByteSource& source, const std::string& shown, ShardFile& shard) {
  refuse_slices(shown);
  const ZipDirectory zip(source, shown);
  const std::string root = root_of(zip, shown);
  check_stored(zip, shown);
  check_notes(source, zip, root, shown);
  const std::string bytes = content(source, *zip.find(root + std::string(pickle_entry_name)), max_pickle_bytes, shown);
  const Pickle pickle = read_pickle(bytes, shown);
  const StateDict found = find_state_dict(pickle, shown);
  const PytorchFile file{pickle, zip, root, shown};
  shard.tensors.reserve(found.tensors.size());
  for (const auto& [name, tensor] : found.tensors) shard.tensors.push_back(pytorch_tensor(file, tensor, name));
  check_names_differ(shard.tensors, shown);
  if (!found.left_out.empty()) shard.warnings.push_back(left_out(found.left_out, shown));
}

StoredTensor read_tensor(const ByteSource& source, const std::string& shown, const std::string& name) {
  const ZipDirectory zip(source, shown);
  const std::string root = root_of(zip, shown);
  check_stored(zip, shown);
  check_notes(source, zip, root, shown);
  constexpr std::uint64_t limit_bytes = std::uint64_t{1} << 20;
  const std::string bytes = content(source, *zip.find(root + std::string(pickle_entry_name)), limit_bytes, shown);
  const Pickle pickle = read_pickle(bytes, shown);
  if (!pickle.root.is(PickleValue::Kind::tensor)) {
    throw refusal("FMT050", "an item of the checkpoint holds something else than the tensor that it is to hold", shown,
                  "the checkpoint looks damaged: compare it with the original")
        .in_tensor(name);
  }
  return pytorch_tensor({pickle, zip, root, shown}, pickle.root, name);
}

}  // namespace

bool looks_like_zip(const ByteSource& source) {
  constexpr std::string_view signature = "PK\x03\x04";
  std::string start(std::min<std::uint64_t>(source.size(), signature.size()), '\0');
  source.read_at(0, std::as_writable_bytes(std::span(start)));
  return start == signature;
}

StoredTensor read_pytorch_tensor(const ByteSource& source, const std::string& shown, const std::string& name) {
  try {
    return read_tensor(source, shown, name);
  } catch (const Error& error) {
    throw readable(error);
  }
}

void read_pytorch_file(const ByteSource& source, const std::string& shown, ShardFile& shard) {
  try {
    read(source, shown, shard);
  } catch (const Error& error) {
    throw readable(error);
  }
}

}  // namespace stockpot::io
