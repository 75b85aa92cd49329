#include "io/dcp_checkpoint.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
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

/// Where the checkpoint is: "" or "distcp/".
std::string prefix_of(const ModelDirectory& directory) {
  return directory.has(dcp_metadata_name) ? "" : std::string(dcp_folder) + "/";
}

class CheckpointReader {
 public:
  CheckpointReader(const ModelDirectory& directory, Catalogue& catalogue)
      : directory_(directory), prefix_(prefix_of(directory)), catalogue_(catalogue) {}

  void read() {
    const std::string name = prefix_ + dcp_metadata_name;
    const PosixSource metadata(*directory_.resolve(name));
    catalogue_.files.push_back(metadata.stored());
    DcpIndex index = read_dcp_index(read_file(metadata.path(), max_metadata_bytes), directory_.shown(name));
    if (prefix_.empty()) strip_wrappers(index);  // in distcp/ names are the model's own
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

  /// In the order of their names; what is missing is reported at once.
  void open_files(const DcpIndex& index) {
    for (const DcpTensor& tensor : index.tensors) {
      for (const DcpChunk& chunk : tensor.chunks) files_[chunk.file];
    }
    std::size_t missing = 0;
    std::string first_missing;
    for (auto& [name, file] : files_) {
      file.shown = directory_.shown(prefix_ + name);
      const auto path = directory_.resolve(prefix_ + name);
      if (!path) {
        if (++missing == 1) first_missing = name;
        continue;
      }
      sources_.emplace_back(*path);
      file.number = static_cast<std::uint32_t>(catalogue_.files.size());
      file.source = &sources_.back();
      catalogue_.files.push_back(file.source->stored());
    }
    if (missing == 0) return;
    throw Error(ErrorKind::corrupt_input,
                fmt::format("{} of {} files that the checkpoint's metadata names are missing", missing, files_.size()))
        .code("REF006")
        .in_file(directory_.shown(prefix_ + dcp_metadata_name))
        .with("missing", first_missing)
        .hint("the checkpoint looks partly copied");
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
  if (directory.has(dcp_metadata_name)) return true;
  return directory.has(dcp_folder) && is_there(directory, std::string(dcp_folder) + "/");
}

void read_dcp_checkpoint(const ModelDirectory& directory, Catalogue& catalogue) {
  CheckpointReader(directory, catalogue).read();
}

}  // namespace stockpot::io
