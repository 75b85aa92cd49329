#include "io/pytorch_tensor.hpp"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "core/error.hpp"
#include "io/pytorch_dtypes.hpp"

namespace stockpot::io {
namespace {

using Kind = PickleValue::Kind;

constexpr std::size_t max_dimensions = 32;
/// A view may repeat its storage's elements without end: this is more than any model's needs.
constexpr std::uint64_t max_repeated_bytes = std::uint64_t{1} << 30;

/// Where the arguments of a call that rebuilds a tensor are.
struct Form {
  std::string_view callee;
  std::size_t least_arguments;
  std::size_t dtype;     ///< 0: the storage has the type
  std::size_t metadata;  ///< 0: none
};
constexpr Form forms[] = {{"torch._utils._rebuild_tensor_v2", 6, 0, 6},
                          {"torch._utils._rebuild_tensor_v3", 7, 6, 7},
                          {"torch._utils._rebuild_tensor", 4, 0, 0}};

/// A storage as a tensor names it.
struct Storage {
  const PytorchStorage* type;
  std::uint64_t bytes;
  std::uint64_t offset;  ///< in the file
};

class Describer {
 public:
  Describer(const PytorchFile& file, const std::string& name) : file_(file), name_(name) {}

  StoredTensor describe(PickleValue tensor) const {
    const auto& call = items(tensor);
    const Form& form = form_of(call[0]);
    const auto& arguments = items(call[1]);
    if (arguments.size() < form.least_arguments) refuse("FMT034", "the tensor's description is incomplete");
    if (form.metadata != 0 && arguments.size() > form.metadata) check_metadata(arguments[form.metadata]);
    const Storage storage = storage_of(arguments[0]);
    StoredTensor stored{{name_, dtype_of(form, arguments, storage), numbers(arguments[2], "size")},
                        0,
                        unsigned_of(arguments[1], "offset"),
                        numbers(arguments[3], "stride")};
    check_fits(stored, storage);
    return placed(std::move(stored), storage);
  }

 private:
  [[noreturn]] void refuse(std::string_view code, const std::string& sentence, std::string_view hint = "") const {
    Error error(ErrorKind::corrupt_input, sentence);
    error.code(code).in_file(file_.shown).in_tensor(name_);
    throw error.hint(!hint.empty() ? hint : "the file looks damaged or made up: compare it with the original");
  }

  const std::vector<PickleValue>& items(PickleValue value) const { return file_.pickle.at(value).items; }

  const Form& form_of(PickleValue callee) const {
    const std::string called = file_.pickle.name_of(callee);
    for (const Form& form : forms) {
      if (form.callee == called) return form;
    }
    const bool is_part = called.ends_with("_rebuild_wrapper_subclass");
    refuse("FMT035",
           is_part
               ? "the tensor is of a class of its own: perhaps one rank's part of a distributed tensor"
               : fmt::format("tensors made by {} cannot be read: sparse, nested, quantised or without data", called),
           "save the model with plain, dense tensors");
  }

  void check_metadata(PickleValue metadata) const {
    if (!metadata.is(Kind::dict)) return;
    const auto& flags = items(metadata);
    for (std::size_t i = 0; i + 1 < flags.size(); i += 2) {
      if (!flags[i].is(Kind::text) || !flags[i + 1].is(Kind::boolean) || flags[i + 1].integer == 0) continue;
      const std::string_view flag = file_.pickle.at(flags[i]).text;
      if (flag != "conj" && flag != "neg") continue;
      refuse("FMT035", "the tensor is a view with its sign still to be changed",
             "save it after resolve_conj(), resolve_neg()");
    }
  }

  Storage storage_of(PickleValue value) const {
    if (!value.is(Kind::storage) || items(items(value)[0]).size() < 5) {
      refuse("FMT034", "the tensor is a view of what is no storage");
    }
    const auto& id = items(items(value)[0]);
    const std::string type_name = file_.pickle.name_of(id[1]);
    const PytorchStorage* type = find_pytorch_storage(type_name);
    if (type == nullptr) {
      refuse("FMT035", fmt::format("elements of a '{}' cannot be read", type_name),
             "save the model with plain tensors");
    }
    if (!id[2].is(Kind::text) && !id[2].is(Kind::bytes)) refuse("FMT034", "the tensor's storage has no name");
    const std::string record = fmt::format("{}/data/{}", file_.root, file_.pickle.at(id[2]).text);
    const ZipEntry* entry = file_.zip.find(record);
    if (entry == nullptr) refuse("FMT034", fmt::format("the tensor's storage '{}' is not in the file", record));
    const auto bytes = checked_multiply(unsigned_of(id[4], "storage size"), type->element_bytes);
    if (!bytes || *bytes > entry->bytes) {
      refuse("FMT034", fmt::format("the tensor's storage '{}' has only {} bytes", record, entry->bytes));
    }
    return {type, *bytes, entry->offset};
  }

  DType dtype_of(const Form& form, const std::vector<PickleValue>& arguments, const Storage& storage) const {
    if (form.dtype == 0) {
      if (!storage.type->dtype) refuse("FMT034", "nothing says what type the tensor's elements have");
      return *storage.type->dtype;
    }
    const std::string called = file_.pickle.name_of(arguments[form.dtype]);
    const auto dtype = find_pytorch_dtype(called);
    if (!dtype)
      refuse("FMT035", fmt::format("elements of type '{}' cannot be read", called), "save it in another type");
    return *dtype;
  }

  std::uint64_t unsigned_of(PickleValue value, std::string_view what) const {
    if (!value.is(Kind::integer) || value.integer < 0) {
      refuse("FMT034", fmt::format("the tensor's {} is no number from 0 to 2^63", what));
    }
    return static_cast<std::uint64_t>(value.integer);
  }

  Shape numbers(PickleValue tuple, std::string_view what) const {
    if (!tuple.is(Kind::tuple)) refuse("FMT034", fmt::format("the tensor's {} is no tuple", what));
    if (items(tuple).size() > max_dimensions) {
      refuse("FMT005", fmt::format("the tensor has more than {} dimensions", max_dimensions));
    }
    Shape values;
    for (const PickleValue value : items(tuple)) values.push_back(unsigned_of(value, what));
    return values;
  }

  /// @param stored  offset and strides still count elements, and two F4 are one.
  void check_fits(const StoredTensor& stored, const Storage& storage) const {
    if (stored.info.shape.size() != stored.strides.size()) {
      refuse("FMT034", "the tensor's size and stride have different lengths");
    }
    const auto elements = checked_elements(stored.info.shape);
    const std::uint64_t width = element_bytes(stored.info.dtype);
    if (!elements || !checked_multiply(*elements, 8 * width)) {
      refuse("FMT006", fmt::format("the size of shape {} overflows", to_string(stored.info.shape)));
    }
    const std::uint64_t held = storage.bytes / width;
    const auto last = *elements == 0 ? stored.offset : last_element(stored);
    if (!last || (*elements == 0 ? *last > held : *last >= held)) {
      refuse("FMT034", fmt::format("shape {}, strides {} and offset {} lead out of a storage of {} elements",
                                   to_string(stored.info.shape), to_string(stored.strides), stored.offset, held));
    }
    if (*elements > held && *elements * width > max_repeated_bytes) {
      refuse("FMT005", "the tensor repeats the elements of its storage more often than any model needs");
    }
  }

  static std::optional<std::uint64_t> last_element(const StoredTensor& stored) {
    std::optional<std::uint64_t> last = stored.offset;
    for (std::size_t d = 0; d < stored.strides.size() && last; ++d) {
      const auto more = checked_multiply(stored.info.shape[d] - 1, stored.strides[d]);
      last = more ? checked_add(*last, *more) : std::nullopt;
    }
    return last;
  }

  /// Two F4 share a byte, and count as one here.
  static std::uint64_t element_bytes(DType dtype) { return dtype == DType::f4 ? 1 : bytes_of(dtype, 1); }

  static bool is_row_major(const StoredTensor& stored) {
    if (stored.info.elements() == 0) return true;
    std::uint64_t step = 1;
    for (std::size_t d = stored.strides.size(); d-- > 0;) {
      if (stored.info.shape[d] == 1) continue;
      if (stored.strides[d] != step) return false;
      step *= stored.info.shape[d];
    }
    return true;
  }

  StoredTensor placed(StoredTensor stored, const Storage& storage) const {
    stored.offset = storage.offset + stored.offset * element_bytes(stored.info.dtype);
    if (is_row_major(stored)) {
      stored.strides.clear();
    } else if (stored.info.dtype == DType::f4) {
      refuse("FMT035", "a view of 4-bit elements cannot be read", "save the tensor after contiguous()");
    }
    if (stored.info.dtype != DType::f4) return stored;
    const auto values = stored.info.shape.empty() ? std::nullopt : checked_multiply(stored.info.shape.back(), 2);
    if (!values) refuse("FMT035", "4-bit elements need a dimension");
    stored.info.shape.back() = *values;
    return stored;
  }

  const PytorchFile& file_;
  const std::string& name_;
};

}  // namespace

StoredTensor pytorch_tensor(const PytorchFile& file, PickleValue tensor, const std::string& name) {
  return Describer(file, name).describe(tensor);
}

}  // namespace stockpot::io
