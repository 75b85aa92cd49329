#include "io/safetensors_entries.hpp"

#include <fmt/format.h>

#include <optional>
#include <set>
#include <utility>

#include "core/error.hpp"
#include "io/json_events.hpp"

namespace stockpot::io {
namespace {

constexpr std::size_t max_depth = 16;
constexpr std::size_t max_dimensions = 32;
constexpr std::size_t max_name_bytes = 4096;

/// {"<name>": {"dtype": "BF16", "shape": [2, 3], "data_offsets": [0, 12]}, "__metadata__": {"key": "text"}}
class HeaderReader final : public JsonEvents {
 public:
  explicit HeaderReader(std::string_view path) : JsonEvents(path, "FMT022", max_depth) {}
  SafetensorsEntries found;

 private:
  enum class In { nothing, header, tensor, shape, offsets, metadata, unknown_field };
  enum class Field { dtype, shape, offsets, unknown };

  void begin(bool is_object) override {
    if (in_ == In::unknown_field) return;
    const bool in_field = in_ == In::tensor;
    if (in_ == In::nothing && is_object) {
      in_ = In::header;
    } else if (in_ == In::header && is_object) {
      in_ = key_ == "__metadata__" ? In::metadata : In::tensor;
    } else if (in_field && field_ == Field::unknown) {
      in_ = In::unknown_field;
    } else if (in_field && field_ == Field::shape && !is_object) {
      in_ = In::shape;
    } else if (in_field && field_ == Field::offsets && !is_object) {
      in_ = In::offsets;
    } else {
      refuse_value();
    }
  }

  void end() override {
    constexpr std::size_t depth_of_fields = 2;
    switch (in_) {
      case In::shape:
      case In::offsets:
        in_ = In::tensor;
        break;
      case In::unknown_field:
        if (depth() == depth_of_fields) in_ = In::tensor;
        break;
      case In::tensor:
        finish_tensor();
        in_ = In::header;
        break;
      case In::metadata:
        in_ = In::header;
        break;
      default:
        in_ = In::nothing;
    }
  }

  void on_key(std::string& name) override {
    switch (in_) {
      case In::header:
        return begin_entry(name);
      case In::tensor:
        return begin_field(name);
      case In::metadata:
        text_key_ = std::move(name);
        return;
      default:
        return;
    }
  }

  void begin_entry(std::string& name) {
    key_ = std::move(name);
    if (key_ == "__metadata__") {
      if (std::exchange(has_metadata_, true)) refuse("FMT022", "__metadata__ is given twice");
      return;
    }
    if (key_.empty()) refuse("FMT022", "a tensor has an empty name");
    if (key_.size() > max_name_bytes) {
      key_.resize(64);
      refuse("FMT005", fmt::format("a tensor name is longer than {} bytes", max_name_bytes));
    }
    found.tensors.push_back({.info = {.name = key_, .shape = {}}});
    dtype_.reset();
    offsets_.clear();
    fields_.clear();
  }

  void begin_field(std::string& name) {
    field_ = name == "dtype"          ? Field::dtype
             : name == "shape"        ? Field::shape
             : name == "data_offsets" ? Field::offsets
                                      : Field::unknown;
    const auto [field, is_new] = fields_.insert(std::move(name));
    if (!is_new) refuse("FMT022", fmt::format("'{}' is given twice for one tensor", *field));
  }

  void on_text(std::string& text) override {
    if (in_ == In::metadata) {
      if (found.metadata.contains(text_key_)) {
        found.warnings.push_back(
            fmt::format("{}: __metadata__ has '{}' twice, the last one counts", path(), text_key_));
      }
      found.metadata[text_key_] = std::move(text);
    } else if (in_ == In::tensor && field_ == Field::dtype) {
      dtype_ = parse_dtype(text);
      if (!dtype_) refuse("FMT023", fmt::format("unknown element type '{}'", text.substr(0, 64)));
    } else {
      on_other();
    }
  }

  void on_unsigned(std::uint64_t value) override {
    if (in_ == In::shape) {
      Shape& shape = found.tensors.back().info.shape;
      if (shape.size() == max_dimensions) refuse("FMT005", fmt::format("more than {} dimensions", max_dimensions));
      shape.push_back(value);
    } else if (in_ == In::offsets) {
      if (offsets_.size() == 2) refuse("FMT022", "data_offsets has more than two numbers");
      offsets_.push_back(value);
    } else {
      on_other();
    }
  }

  void on_null() override {
    if (!(in_ == In::header && key_ == "__metadata__")) on_other();
  }

  void on_other() override {
    const bool ignored = in_ == In::unknown_field || (in_ == In::tensor && field_ == Field::unknown);
    if (!ignored) refuse_value();
  }

  void finish_tensor() {
    if (!dtype_ || !fields_.contains("shape") || offsets_.size() != 2) {
      refuse("FMT022", "a tensor needs dtype, shape and data_offsets with two numbers");
    }
    found.tensors.back().info.dtype = *dtype_;
    found.tensors.back().begin = offsets_[0];
    found.tensors.back().end = offsets_[1];
  }

  [[noreturn]] void refuse(std::string_view code, const std::string& sentence) const override {
    Error error(ErrorKind::corrupt_input, sentence);
    error.code(code).in_file(path());
    if (in_ != In::nothing && !key_.empty()) error.in_tensor(key_);
    throw error;
  }

  [[noreturn]] void refuse_value() const override {
    switch (in_) {
      case In::nothing:
        refuse("FMT022", "the header is not a JSON object");
      case In::metadata:
        refuse("FMT022", fmt::format("__metadata__ has a value that is not a text, at '{}'", text_key_));
      case In::shape:
        refuse("FMT022", "a dimension is not a plain integer below 2^64");
      case In::offsets:
        refuse("FMT022", "a data offset is not a plain integer below 2^64");
      case In::tensor:
        refuse("FMT022", "dtype, shape or data_offsets has a value of another kind than it should");
      default:
        refuse("FMT022", "the entry is not a JSON object");
    }
  }

  In in_ = In::nothing;
  Field field_ = Field::unknown;
  std::string key_, text_key_;
  bool has_metadata_ = false;
  std::optional<DType> dtype_;  // of the tensor being read, as are the next two
  std::vector<std::uint64_t> offsets_;
  std::set<std::string> fields_;
};

}  // namespace

SafetensorsEntries read_safetensors_entries(std::string_view header, std::string_view path) {
  HeaderReader reader(path);
  reader.read(header, sizeof(std::uint64_t));
  return std::move(reader.found);
}

}  // namespace stockpot::io
