#include "io/dcp_checkpoint.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <iterator>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/error.hpp"
#include "io/dcp_index.hpp"
#include "io/dcp_metadata.hpp"
#include "io/posix_file.hpp"
#include "io/pytorch_file.hpp"
#include "io/slice_source.hpp"
#include "io/small_file.hpp"

namespace stockpot::io {
namespace {

constexpr std::uint64_t max_metadata_bytes = std::uint64_t{1} << 30;

bool is_there(const ModelDirectory& directory, const std::string& folder) {
  return directory.resolve(folder + dcp_metadata_name).has_value();
}

/// "__3.metadata".
bool is_of_a_rank(const std::string& name) { return name.starts_with("__") && name.ends_with(dcp_metadata_name); }

bool is_at_top(const ModelDirectory& directory) {
  return directory.has(dcp_metadata_name) || std::ranges::any_of(directory.names(), is_of_a_rank);
}

const std::string output_prefix = std::string(dcp_folder) + "/";

class CheckpointReader {
 public:
  /// @param prefix  where the checkpoint is: "" or "distcp/".
  CheckpointReader(const ModelDirectory& directory, std::string prefix, Catalogue& catalogue)
      : directory_(directory), prefix_(std::move(prefix)), catalogue_(catalogue) {}

  void read() {
    std::vector<DcpMetadata> metadata;
    for (const std::string& name : metadata_names()) {
      const auto path = directory_.resolve(name);
      if (!path) missing(name, 1, 1);
      catalogue_.files.push_back(PosixSource(*path).stored());
      metadata.push_back({read_file(*path, max_metadata_bytes), directory_.shown(name)});
    }
    const DcpNames names = prefix_.empty() ? DcpNames::of_a_trainer : DcpNames::of_the_model;
    DcpIndex index = read_dcp_index(metadata, names);
    if (names == DcpNames::of_a_trainer) strip_wrappers(index);
    open_files(index);
    check_items(index);
    for (DcpTensor& tensor : index.tensors) add(std::move(tensor));
    remark_on(index);
  }

 private:
  struct File {
    std::uint32_t number = 0;  ///< in the catalogue
    std::string shown;
    const PosixSource* source = nullptr;
  };

  [[noreturn]] static void refuse(std::string_view code, const std::string& sentence, const std::string& shown,
                                  std::string_view tensor) {
    throw Error(ErrorKind::corrupt_input, sentence)
        .code(code)
        .in_file(shown)
        .in_tensor(tensor)
        .hint("index and data are not of the same checkpoint, or one of them is damaged");
  }

  [[noreturn]] void missing(const std::string& first, std::size_t count, std::size_t of) const {
    throw Error(ErrorKind::corrupt_input, fmt::format("{} of {} files of the checkpoint are missing", count, of))
        .code("REF006")
        .in_file(directory_.shown(prefix_))
        .with("missing", first)
        .hint("the checkpoint looks partly copied");
  }

  /// One for all, or, of ranks that wrote without knowing of each other, one for each.
  std::vector<std::string> metadata_names() const {
    if (!prefix_.empty() || directory_.has(dcp_metadata_name)) return {prefix_ + dcp_metadata_name};
    std::vector<std::string> names;
    std::ranges::copy_if(directory_.names(), std::back_inserter(names), is_of_a_rank);
    return names;
  }

  /// In the order of their names; what is missing is reported at once.
  void open_files(const DcpIndex& index) {
    for (const DcpTensor& tensor : index.tensors) {
      for (const DcpChunk& chunk : tensor.chunks) files_[chunk.file];
    }
    std::size_t lacking = 0;
    std::string first_missing;
    for (auto& [name, file] : files_) {
      file.shown = directory_.shown(prefix_ + name);
      const auto path = directory_.resolve(prefix_ + name);
      if (!path) {
        if (++lacking == 1) first_missing = name;
        continue;
      }
      sources_.emplace_back(*path);
      file.number = static_cast<std::uint32_t>(catalogue_.files.size());
      file.source = &sources_.back();
      catalogue_.files.push_back(file.source->stored());
    }
    if (lacking > 0) missing(first_missing, lacking, files_.size());
  }

  /// Items of a file must lie in it, and apart.
  void check_items(const DcpIndex& index) const {
    struct Item {
      const File* file;
      ByteRange place;
      const std::string* tensor;
    };
    std::vector<Item> items;
    for (const DcpTensor& tensor : index.tensors) {
      for (const DcpChunk& chunk : tensor.chunks) {
        const File& file = files_.at(chunk.file);
        const std::uint64_t bytes = file.source->size();
        if (chunk.item.count > bytes || chunk.item.offset > bytes - chunk.item.count) {
          refuse("FMT050", fmt::format("an item of the checkpoint reaches beyond its file of {} bytes", bytes),
                 file.shown, tensor.info.name);
        }
        items.push_back({&file, chunk.item, &tensor.info.name});
      }
    }
    std::ranges::sort(items, [](const Item& a, const Item& b) {
      return std::pair(a.file->number, a.place.offset) < std::pair(b.file->number, b.place.offset);
    });
    for (std::size_t i = 1; i < items.size(); ++i) {
      if (items[i].file != items[i - 1].file || items[i - 1].place.end() <= items[i].place.offset) continue;
      refuse("FMT050", "two items of the checkpoint overlap: perhaps it was saved in safetensors format",
             items[i].file->shown, *items[i].tensor);
    }
  }

  /// The tensor that an item holds, which must be what the index says.
  StoredTensor read_item(const DcpChunk& chunk, const TensorInfo& info, const Shape& shape) const {
    const File& file = files_.at(chunk.file);
    const SliceSource item(*file.source, chunk.item);
    StoredTensor stored = read_pytorch_tensor(item, file.shown, info.name);
    if (stored.info.dtype != info.dtype || stored.info.shape != shape) {
      refuse("FMT050",
             fmt::format("an item of the checkpoint holds {} of shape {} instead of {} of shape {}",
                         name(stored.info.dtype), to_string(stored.info.shape), name(info.dtype), to_string(shape)),
             file.shown, info.name);
    }
    stored.file = file.number;
    stored.offset += chunk.item.offset;
    return stored;
  }

  void add(DcpTensor tensor) {
    const auto values = [&](Shape shape) {  // two of which are one element of PyTorch's if they have 4 bits
      if (tensor.info.dtype == DType::f4 && !shape.empty()) shape.back() *= 2;
      return shape;
    };
    StoredTensor stored{.info = tensor.info};
    if (tensor.chunks.size() == 1) {
      stored = read_item(tensor.chunks[0], tensor.info, values(tensor.chunks[0].count));
    }
    for (std::size_t c = 0; tensor.chunks.size() > 1 && c < tensor.chunks.size(); ++c) {
      const DcpChunk& chunk = tensor.chunks[c];
      const StoredTensor part = read_item(chunk, tensor.info, values(chunk.count));
      if (!part.strides.empty()) {
        refuse("FMT034", "a part of a tensor is a view that lies otherwise than row by row",
               files_.at(chunk.file).shown, tensor.info.name);
      }
      stored.pieces.push_back({part.file, part.offset, values(chunk.start), values(chunk.count)});
    }
    if (!stored.pieces.empty()) {
      stored.file = stored.pieces[0].file;
      stored.offset = stored.pieces[0].offset;
    }
    catalogue_.tensors.push_back(std::move(stored));
  }

  void remark_on(const DcpIndex& index) {
    const std::string shown = directory_.shown(prefix_ + dcp_metadata_name);
    if (!index.left_out.empty()) {
      catalogue_.warnings.push_back(fmt::format("{}: {} tensors of the training state are left out: {} ...", shown,
                                                index.left_out.size(), index.left_out.front()));
    }
  }

  const ModelDirectory& directory_;
  std::string prefix_;
  Catalogue& catalogue_;
  std::map<std::string, File> files_;
  std::deque<PosixSource> sources_;
};

}  // namespace

bool is_dcp_checkpoint(const ModelDirectory& directory) {
  if (is_at_top(directory)) return true;
  return directory.has(dcp_folder) && is_there(directory, output_prefix);
}

void read_dcp_checkpoint(const ModelDirectory& directory, Catalogue& catalogue) {
  CheckpointReader(directory, is_at_top(directory) ? "" : output_prefix, catalogue).read();
}

void read_dcp_output(const ModelDirectory& directory, Catalogue& catalogue) {
  CheckpointReader(directory, output_prefix, catalogue).read();
}

}  // namespace stockpot::io
