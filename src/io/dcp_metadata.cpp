#include "io/dcp_metadata.hpp"

#include <string_view>

#include "io/pickle_writer.hpp"
#include "io/pytorch_dtypes.hpp"
#include "io/pytorch_item.hpp"

namespace stockpot::io {
namespace {

constexpr std::string_view metadata_module = "torch.distributed.checkpoint.metadata";
constexpr std::string_view storage_module = "torch.distributed.checkpoint.filesystem";

class MetadataWriter {
 public:
  explicit MetadataWriter(std::span<const DcpItem> items) : items_(items) {}

  std::string write() {
    begin_object(metadata_module, "Metadata");
    map("state_dict_metadata", [&](const DcpItem& item) {
      out_.text(item.info->name);
      tensor(*item.info);
    });
    map("planner_data", [&](const DcpItem& item) {
      out_.text(item.info->name);
      out_.text(item.info->name);
      out_.tuple1();
    });
    map("storage_data", [&](const DcpItem& item) {
      index(*item.info);
      storage(item);
    });
    out_.text("storage_meta");
    checkpoint();
    out_.text("version");
    out_.text("1.0.0");
    end_object();
    return out_.take();
  }

 private:
  /// An object is made without arguments and given its fields as a dictionary.
  void begin_object(std::string_view module, std::string_view name) {
    out_.global(module, name);
    out_.empty_tuple();
    out_.new_object();
    out_.empty_dict();
    out_.mark();
  }
  void end_object() {
    out_.set_all();
    out_.build();
  }

  template <class Entry>
  void map(std::string_view field, const Entry& entry) {
    out_.text(field);
    out_.empty_dict();
    if (items_.empty()) return;
    out_.mark();
    for (const DcpItem& item : items_) entry(item);
    out_.set_all();
  }

  void size(std::span<const std::uint64_t> numbers) {
    out_.global("torch", "Size");
    out_.numbers(numbers);
    out_.tuple1();
    out_.reduce();
  }

  void tensor(const TensorInfo& info) {
    const Shape shape = pytorch_shape(info);
    begin_object(metadata_module, "TensorStorageMetadata");
    out_.text("properties");
    properties(info.dtype);
    out_.text("size");
    size(shape);
    out_.text("chunks");
    out_.empty_list();
    out_.mark();
    begin_object(metadata_module, "ChunkStorageMetadata");
    out_.text("offsets");
    size(Shape(shape.size()));
    out_.text("sizes");
    size(shape);
    end_object();
    out_.append_all();
    end_object();
  }

  /// The one object whose state is a tuple. Its fields: type, layout, gradient, order in memory, pinned.
  void properties(DType dtype) {
    constexpr std::size_t after_module = 6;  // "torch."
    out_.global(metadata_module, "TensorProperties");
    out_.empty_tuple();
    out_.new_object();
    out_.mark();
    out_.global("torch", pytorch_dtype_of(dtype).substr(after_module));
    out_.global("torch.serialization", "_get_layout");
    out_.text("torch.strided");
    out_.tuple1();
    out_.reduce();
    out_.no();
    out_.global(metadata_module, "_MEM_FORMAT_ENCODING");
    out_.integer(0);  // contiguous; by number every version of Python reads it
    out_.tuple1();
    out_.reduce();
    out_.no();
    out_.tuple();
    out_.build();
  }

  void index(const TensorInfo& info) {
    begin_object(metadata_module, "MetadataIndex");
    out_.text("fqn");
    out_.text(info.name);
    out_.text("offset");
    size(Shape(info.shape.size()));
    out_.text("index");
    out_.none();
    end_object();
  }

  void storage(const DcpItem& item) {
    begin_object(storage_module, "_StorageInfo");
    out_.text("relative_path");
    out_.text(item.file);
    out_.text("offset");
    out_.integer(item.offset);
    out_.text("length");
    out_.integer(item.bytes);
    end_object();
  }

  void checkpoint() {
    begin_object(metadata_module, "StorageMeta");
    for (const std::string_view field : {"checkpoint_id", "save_id", "load_id"}) {
      out_.text(field);
      out_.none();
    }
    out_.text("modules");
    out_.empty_list();
    end_object();
  }

  std::span<const DcpItem> items_;
  PickleWriter out_;
};

}  // namespace

std::string write_dcp_metadata(std::span<const DcpItem> items) { return MetadataWriter(items).write(); }

}  // namespace stockpot::io
