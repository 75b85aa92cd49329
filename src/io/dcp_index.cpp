#include "io/dcp_index.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <utility>

#include "core/error.hpp"
#include "core/utf8.hpp"
#include "io/dcp_cover.hpp"
#include "io/pickle.hpp"
#include "io/pytorch_dtypes.hpp"
#include "io/shard_index.hpp"

namespace stockpot::io {
namespace {

using Kind = PickleValue::Kind;

constexpr std::size_t max_tensors = 4'000'000;
constexpr std::size_t max_dimensions = 32;
constexpr std::size_t max_name_bytes = 4096;

/// Parts of names under which trainers keep what is not the model.
constexpr std::array<std::string_view, 7> training_state{"optimizer",  "optim", "optimizers",         "lr_scheduler",
                                                         "dataloader", "rng",   "rerun_state_machine"};

bool is_training_state(std::string_view name) {
  while (!name.empty()) {
    const std::string_view part = name.substr(0, name.find('.'));
    if (std::ranges::find(training_state, part) != training_state.end()) return true;
    name.remove_prefix(std::min(name.size(), part.size() + 1));
  }
  return false;
}

[[noreturn]] void refuse_index(std::string_view code, const std::string& sentence, const std::string& path,
                               std::string_view tensor, std::string_view hint) {
  Error error(ErrorKind::corrupt_input, sentence);
  error.code(code).in_file(path);
  if (!tensor.empty()) error.in_tensor(tensor);
  throw error.hint(hint);
}

class IndexReader {
 public:
  IndexReader(const Pickle& pickle, const std::string& path, DcpNames names)
      : pickle_(pickle), path_(path), names_(names) {}

  /// Adds tensors with their chunks, in the order of the file. Nothing is compared yet.
  void read(DcpIndex& index) {
    const PickleValue state = state_of(pickle_.root, "Metadata");
    read_places(field(state, "storage_data"));
    const PickleValue tensors = field(state, "state_dict_metadata");
    if (!tensors.is(Kind::dict)) refuse("FMT050", "the checkpoint's metadata lists no tensors");
    const auto& entries = items(tensors);
    for (std::size_t i = 0; i + 1 < entries.size(); i += 2) read_entry(entries[i], entries[i + 1], index);
  }

 private:
  struct Place {
    std::string file;
    ByteRange item;
  };
  using Key = std::pair<std::string_view, Shape>;  // name and start

  [[noreturn]] void refuse(std::string_view code, const std::string& sentence, std::string_view tensor = "",
                           std::string_view hint = "the checkpoint looks damaged: compare it with the original") const {
    refuse_index(code, sentence, path_, tensor, hint);
  }

  const std::vector<PickleValue>& items(PickleValue value) const { return pickle_.at(value).items; }

  /// Classes have moved between modules: their names say enough.
  std::string_view class_of(PickleValue value) const {
    if (!value.is(Kind::opaque) || !items(value)[0].is(Kind::global)) return "";
    return pickle_.at(items(value)[0]).name;
  }

  /// What an object of a class was given as its fields.
  PickleValue state_of(PickleValue value, std::string_view wanted) const {
    if (class_of(value) != wanted) refuse("FMT050", fmt::format("the checkpoint's metadata lacks a {}", wanted));
    return items(value).size() > 2 ? items(value)[2] : PickleValue{};
  }

  /// @return none if there is no such field.
  PickleValue field(PickleValue fields, std::string_view name) const {
    constexpr std::size_t most_fields = 64;  // no class has more
    if (!fields.is(Kind::dict)) return {};
    const auto& all = items(fields);
    for (std::size_t i = 0; i + 1 < std::min(all.size(), 2 * most_fields); i += 2) {
      if (all[i].is(Kind::text) && pickle_.at(all[i]).text == name) return all[i + 1];
    }
    return {};
  }

  std::uint64_t unsigned_of(PickleValue value, std::string_view what) const {
    if (!value.is(Kind::integer) || value.integer < 0) {
      refuse("FMT050", fmt::format("a {} in the checkpoint's metadata is no number from 0 to 2^63", what));
    }
    return static_cast<std::uint64_t>(value.integer);
  }

  Shape numbers(PickleValue value, std::string_view what) const {
    if (!value.is(Kind::tuple) && !value.is(Kind::list)) {
      refuse("FMT050", fmt::format("a {} in the checkpoint's metadata is no list of numbers", what));
    }
    if (items(value).size() > max_dimensions) {
      refuse("FMT005", fmt::format("a tensor has more than {} dimensions", max_dimensions));
    }
    Shape all;
    for (const PickleValue number : items(value)) all.push_back(unsigned_of(number, what));
    return all;
  }

  std::string_view text_of(PickleValue value, std::string_view what) const {
    if (value.is(Kind::text)) return pickle_.at(value).text;
    refuse("FMT050", fmt::format("a {} in the checkpoint's metadata is no text", what));
  }

  // ---- where items are

  void read_places(PickleValue storage_data) {
    if (!storage_data.is(Kind::dict)) refuse("FMT050", "the checkpoint's metadata does not say where its data is");
    const auto& entries = items(storage_data);
    for (std::size_t i = 0; i + 1 < entries.size(); i += 2) {
      const PickleValue key = state_of(entries[i], "MetadataIndex");
      const PickleValue offset = field(key, "offset");
      const std::string_view name = text_of(field(key, "fqn"), "name");
      if (offset.is(Kind::none)) {
        unplaced_[name] = entries[i + 1];
      } else {
        places_[Key(name, numbers(offset, "chunk's place"))] = entries[i + 1];
      }
    }
  }

  Place place_of(const std::string& name, const Shape& start, bool is_alone) const {
    const auto found = places_.find(Key(name, start));
    const auto unplaced = is_alone ? unplaced_.find(name) : unplaced_.end();
    if (found == places_.end() && unplaced == unplaced_.end()) {
      refuse("FMT050", "the checkpoint's metadata does not say where a chunk is", name);
    }
    const PickleValue info = state_of(found != places_.end() ? found->second : unplaced->second, "_StorageInfo");
    const PickleValue transforms = field(info, "transform_descriptors");
    const bool has_transforms =
        !transforms.is(Kind::none) &&
        !((transforms.is(Kind::list) || transforms.is(Kind::tuple)) && items(transforms).empty());
    if (has_transforms) {
      refuse("FMT052", "the checkpoint's data was compressed or otherwise transformed", name,
             "save the checkpoint without extensions of the storage writer");
    }
    Place place{std::string(text_of(field(info, "relative_path"), "file name")),
                {unsigned_of(field(info, "offset"), "place in a file"), unsigned_of(field(info, "length"), "length")}};
    if (const auto mistake = check_plain_file_name(place.file)) {
      refuse("FMT002", fmt::format("a file name in the checkpoint's metadata {}", *mistake), name);
    }
    return place;
  }

  // ---- tensors

  void read_entry(PickleValue key, PickleValue value, DcpIndex& index) const {
    if (class_of(value) != "TensorStorageMetadata") return;
    const std::string name(text_of(key, "name"));
    if (name.empty() || name.size() > max_name_bytes) refuse("FMT005", "a tensor's name is empty or very long");
    if (!is_utf8(name)) refuse("FMT021", "a tensor's name is not UTF-8");
    if (names_ == DcpNames::of_a_trainer && is_training_state(name)) {
      index.left_out.push_back(name);
      return;
    }
    if (index.tensors.size() == max_tensors) refuse("FMT005", fmt::format("more than {} tensors", max_tensors));
    const PickleValue fields = state_of(value, "TensorStorageMetadata");
    DcpTensor tensor{{name, dtype_of(field(fields, "properties"), name), numbers(field(fields, "size"), "size")}, {}};
    if (tensor.info.dtype == DType::f4 && tensor.info.shape.empty())
      refuse("FMT035", "4-bit elements need a dimension");
    read_chunks(field(fields, "chunks"), tensor);
    index.tensors.push_back(std::move(tensor));
  }

  /// A tuple that begins with it, in old versions a dictionary.
  DType dtype_of(PickleValue properties, const std::string& name) const {
    const PickleValue state = state_of(properties, "TensorProperties");
    const bool is_tuple = state.is(Kind::tuple) && !items(state).empty();
    const std::string called = pickle_.name_of(is_tuple ? items(state)[0] : field(state, "dtype"));
    if (const auto dtype = find_pytorch_dtype(called)) return *dtype;
    refuse("FMT035", fmt::format("elements of type '{}' cannot be read", called), name, "save it in another type");
  }

  void read_chunks(PickleValue list, DcpTensor& tensor) const {
    const std::string& name = tensor.info.name;
    const auto elements = checked_elements(tensor.info.shape);
    if (!elements || !checked_multiply(*elements, 8 * bits(tensor.info.dtype))) {
      refuse("FMT006", fmt::format("the size of shape {} overflows", to_string(tensor.info.shape)), name);
    }
    if (!list.is(Kind::list)) refuse("FMT050", "a tensor of the checkpoint has no chunks", name);
    std::vector<DcpChunk>& chunks = tensor.chunks;
    for (const PickleValue value : items(list)) {
      const PickleValue fields = state_of(value, "ChunkStorageMetadata");
      DcpChunk chunk{
          numbers(field(fields, "offsets"), "chunk's place"), numbers(field(fields, "sizes"), "size"), {}, {}};
      if (chunk.start.size() != tensor.info.shape.size() || chunk.count.size() != tensor.info.shape.size()) {
        refuse("FMT051", "a chunk has other dimensions than its tensor", name);
      }
      if (std::ranges::find(chunk.count, 0u) != chunk.count.end()) continue;
      Place place = place_of(name, chunk.start, items(list).size() == 1);
      chunk.file = std::move(place.file);
      chunk.item = place.item;
      chunks.push_back(std::move(chunk));
    }
  }

  const Pickle& pickle_;
  const std::string& path_;
  DcpNames names_;
  std::map<Key, PickleValue> places_;
  std::map<std::string_view, PickleValue> unplaced_;
};

/// Each tensor once, ascending by name, with the chunks of all that list it.
std::vector<DcpTensor> united(std::vector<DcpTensor> tensors, const std::string& path) {
  constexpr std::string_view hint = "the files of metadata are not of the same checkpoint";
  std::ranges::stable_sort(tensors, {}, [](const DcpTensor& tensor) -> const std::string& { return tensor.info.name; });
  std::vector<DcpTensor> each;
  for (DcpTensor& tensor : tensors) {
    if (each.empty() || each.back().info.name != tensor.info.name) {
      each.push_back(std::move(tensor));
      continue;
    }
    DcpTensor& same = each.back();
    if (same.info.dtype != tensor.info.dtype || same.info.shape != tensor.info.shape) {
      refuse_index("FMT050", "two ranks list a tensor with different type or shape", path, tensor.info.name, hint);
    }
    std::ranges::move(tensor.chunks, std::back_inserter(same.chunks));
  }
  return each;
}

/// Of chunks that several ranks have, one stays.
void check_chunks(DcpTensor& tensor, const std::string& path) {
  std::vector<DcpChunk>& chunks = tensor.chunks;
  std::ranges::stable_sort(chunks, [](const DcpChunk& a, const DcpChunk& b) { return a.box() < b.box(); });
  const auto again = std::ranges::unique(chunks, {}, [](const DcpChunk& chunk) { return chunk.box(); });
  chunks.erase(again.begin(), again.end());
  if (const auto mistake = cover_mistake(tensor.info.shape, chunks)) {
    refuse_index("FMT051", *mistake, path, tensor.info.name,
                 "the checkpoint looks damaged, or is only a part of one: compare it with the original");
  }
  if (tensor.info.dtype == DType::f4) tensor.info.shape.back() *= 2;
}

}  // namespace

void strip_wrappers(DcpIndex& index) {
  const auto all_begin_with = [&](std::string_view prefix) {
    return std::ranges::all_of(index.tensors, [&](const DcpTensor& tensor) {
      return tensor.info.name.size() > prefix.size() && tensor.info.name.starts_with(prefix);
    });
  };
  const auto any_begins_with = [&](std::string_view prefix) {
    return std::ranges::any_of(index.tensors, [&](const auto& t) { return t.info.name.starts_with(prefix); });
  };
  const auto wrapper = [&]() -> std::size_t {
    for (const std::string_view prefix : {"module.", "state_dict.", "app."}) {
      if (all_begin_with(prefix)) return prefix.size();
    }
    const bool is_twice = any_begins_with("model.model.") || any_begins_with("model.lm_head.");
    return is_twice && all_begin_with("model.") ? std::string_view("model.").size() : 0;
  };
  constexpr int most = 8;
  for (int i = 0; i < most; ++i) {
    const std::size_t bytes = wrapper();
    if (bytes == 0) return;
    for (DcpTensor& tensor : index.tensors) tensor.info.name.erase(0, bytes);
  }
}

DcpIndex read_dcp_index(std::span<const DcpMetadata> files, DcpNames names) {
  DcpIndex index;
  for (const DcpMetadata& file : files) {
    const Pickle pickle = read_pickle(file.bytes, file.path);
    IndexReader(pickle, file.path, names).read(index);
  }
  const std::string path = files.empty() ? "" : files.front().path;
  index.tensors = united(std::move(index.tensors), path);
  for (DcpTensor& tensor : index.tensors) check_chunks(tensor, path);
  if (!index.tensors.empty()) return index;
  refuse_index("FMT042", "the checkpoint holds no tensors of a model", path, "",
               "values inside tuples, and dictionaries that were saved whole, cannot be seen");
}

}  // namespace stockpot::io
