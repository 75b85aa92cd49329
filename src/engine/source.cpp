#include "engine/source.hpp"

#include <algorithm>
#include <vector>

#include "core/simd.hpp"
#include "io/stored_elements.hpp"

namespace stockpot::engine {

template <class T>
bool round_through(DType dtype, std::span<T> values) {
  std::vector<std::byte> rounded(bytes_of(dtype, values.size()));
  const bool nonfinite = narrow(dtype, std::span<const T>(values), rounded.data());
  widen(dtype, rounded.data(), values);
  return nonfinite;
}

template bool round_through(DType, std::span<float>);
template bool round_through(DType, std::span<double>);

template <class T>
bool any_nonfinite(std::span<const T> values) {
  bool any = false;
  dispatch(
      [](const T* from, std::size_t count, bool* found) {
        int bad = 0;
        for (std::size_t i = 0; i < count; ++i) bad |= static_cast<int>(from[i] - from[i] != T{0});
        *found = bad != 0;
      },
      values.data(), values.size(), &any);
  return any;
}

template bool any_nonfinite(std::span<const float>);
template bool any_nonfinite(std::span<const double>);

StoredSource::StoredSource(const Catalogue& model, const StoredTensor& tensor,
                           std::shared_ptr<const io::ByteSource> file, std::optional<DType> round_to)
    : model_(model), tensor_(tensor), file_(std::move(file)), round_to_(round_to) {}

void StoredSource::read(ElementRange range, std::span<std::byte> stored) const { read_stored(range, stored); }

void StoredSource::read_stored(ElementRange range, std::span<std::byte> stored) const {
  try {
    io::read_elements(*file_, tensor_, range, stored);
  } catch (Error& error) {
    name_in(error);
    throw;
  }
}

std::optional<FilePlace> StoredSource::place(ElementRange range) const {
  if (!tensor_.strides.empty() || !tensor_.pieces.empty()) return std::nullopt;
  return FilePlace{file_.get(), {offset_of(range.first), bytes_of(tensor_.info.dtype, range.count)}};
}

void StoredSource::will_need(ElementRange range) const {
  if (!tensor_.strides.empty()) return;  // its bytes lie all over the place
  file_->will_need({offset_of(range.first), bytes_of(tensor_.info.dtype, range.count)});
}

namespace {

/// Asks for what will be decoded next: the sources take turns in pieces that are too short for the processor to see where
/// they go on, and kept bytes lie in memory.
void prefetch(std::span<const std::byte> bytes) {
  constexpr std::size_t line = 64;
  constexpr int for_reading = 0, to_second_level = 2;
  for (std::size_t at = 0; at < bytes.size(); at += line) {
    __builtin_prefetch(bytes.data() + at, for_reading, to_second_level);
  }
}

}  // namespace

const std::byte* StoredSource::elements(DType dtype, std::span<const std::byte> stored, ElementRange held,
                                        ElementRange wanted) const {
  if (dtype != tensor_.info.dtype || rounds()) return nullptr;
  return stored.data() + bytes_of(dtype, wanted.first - held.first);
}

template <class T>
bool StoredSource::decode_as(std::span<const std::byte> stored, ElementRange held, ElementRange wanted,
                             std::span<T> out) const {
  const auto from = stored.subspan(bytes_of(tensor_.info.dtype, wanted.first - held.first));
  bool nonfinite = widen(tensor_.info.dtype, from.data(), out);
  const auto rest = from.subspan(std::min(from.size(), bytes_of(tensor_.info.dtype, wanted.count)));
  prefetch(rest.first(std::min(rest.size(), bytes_of(tensor_.info.dtype, wanted.count))));
  if (rounds()) nonfinite |= round_through(*round_to_, out);
  return nonfinite;
}

bool StoredSource::decode(std::span<const std::byte> stored, ElementRange held, ElementRange wanted,
                          std::span<float> out) const {
  return decode_as(stored, held, wanted, out);
}
bool StoredSource::decode(std::span<const std::byte> stored, ElementRange held, ElementRange wanted,
                          std::span<double> out) const {
  return decode_as(stored, held, wanted, out);
}

}  // namespace stockpot::engine
