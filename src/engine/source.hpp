// Where a model's values for an output tensor come from.
//
// Reading and decoding are two steps, so that stored bytes can be kept between passes and decoded again. Plain widening
// of a stored tensor is one source; others (rows of another vocabulary, an adapter added on the fly, scaled FP8) decode
// differently, and neither the engine nor the methods learn which it is.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "core/convert.hpp"
#include "core/error.hpp"
#include "core/range.hpp"
#include "io/byte_source.hpp"
#include "plan/plan.hpp"

namespace stockpot::engine {

/// Bytes of an open input file.
struct FilePlace {
  const io::ByteSource* file = nullptr;  ///< as long as the source that says so lives
  ByteRange range;
};

class Source {
 public:
  virtual ~Source() = default;
  /// Bytes that read() fills for these elements.
  virtual std::uint64_t stored_bytes(ElementRange range) const = 0;
  /// Local, thread safe. Reads what decode() will want for `range`. @param stored  stored_bytes(range) bytes.
  virtual void read(ElementRange range, std::span<std::byte> stored) const = 0;
  /// Where read() gets these elements, if it takes one run of a file's bytes as they are.
  virtual std::optional<FilePlace> place(ElementRange) const { return std::nullopt; }
  /// Says in an error of reading from that file whose bytes these are.
  virtual void name_in(Error&) const {}
  /// Local. Tells the storage that `range` comes soon.
  virtual void will_need(ElementRange range) const = 0;
  /// Decodes the elements `wanted` out of what was read for `held`, which contains them.
  /// @return true if any value is NaN or infinite.
  virtual bool decode(std::span<const std::byte> stored, ElementRange held, ElementRange wanted,
                      std::span<float> out) const = 0;
  virtual bool decode(std::span<const std::byte> stored, ElementRange held, ElementRange wanted,
                      std::span<double> out) const = 0;
  /// Where `wanted` lies in what was read for `held`, if widening these elements of type `dtype` is all that decode() does.
  virtual const std::byte* elements(DType, std::span<const std::byte> /*stored*/, ElementRange /*held*/,
                                    ElementRange /*wanted*/) const {
    return nullptr;
  }
  /// For messages: the model and the file.
  virtual const std::string& model() const = 0;
  virtual const std::string& path() const = 0;
};

/// Rounds values to a type and widens them again. @return true if any is NaN or infinite then.
template <class T>
bool round_through(DType dtype, std::span<T> values);

/// @return true if any value is NaN or infinite.
template <class T>
bool any_nonfinite(std::span<const T> values);

/// A tensor as it lies in a file, or its first rows.
class StoredSource : public Source {
 public:
  /// @param round_to  inputs are first rounded to this type (mergekit's way); nothing: exact.
  StoredSource(const Catalogue& model, const StoredTensor& tensor, std::shared_ptr<const io::ByteSource> file,
               std::optional<DType> round_to);
  std::uint64_t stored_bytes(ElementRange range) const override { return bytes_of(tensor_.info.dtype, range.count); }
  void read(ElementRange range, std::span<std::byte> stored) const override;
  std::optional<FilePlace> place(ElementRange range) const override;
  void name_in(Error& error) const override { error.in_tensor(tensor_.info.name).in_model(model_.model); }
  void will_need(ElementRange range) const override;
  bool decode(std::span<const std::byte> stored, ElementRange held, ElementRange wanted,
              std::span<float> out) const override;
  bool decode(std::span<const std::byte> stored, ElementRange held, ElementRange wanted,
              std::span<double> out) const override;
  const std::byte* elements(DType dtype, std::span<const std::byte> stored, ElementRange held,
                            ElementRange wanted) const override;
  const std::string& model() const override { return model_.model; }
  const std::string& path() const override { return file_->path(); }

 protected:
  /// Reads elements of the stored tensor, as they are stored.
  void read_stored(ElementRange range, std::span<std::byte> stored) const;
  const StoredTensor& tensor() const { return tensor_; }

 private:
  template <class T>
  bool decode_as(std::span<const std::byte> stored, ElementRange held, ElementRange wanted, std::span<T> out) const;
  bool rounds() const { return round_to_ && *round_to_ != tensor_.info.dtype; }
  std::uint64_t offset_of(std::uint64_t element) const {
    return tensor_.offset + bytes_of(tensor_.info.dtype, element);
  }
  const Catalogue& model_;
  const StoredTensor& tensor_;
  std::shared_ptr<const io::ByteSource> file_;
  std::optional<DType> round_to_;
};

}  // namespace stockpot::engine
