#include "engine/encoded_source.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "core/error.hpp"
#include "core/float8.hpp"
#include "core/simd.hpp"
#include "engine/scale_tables.hpp"

namespace stockpot::engine {
namespace {

using Codes = Encoding::Codes;

constexpr std::array<float, 16> e2m1{0.0f,  0.5f,  1.0f,  1.5f,  2.0f,  3.0f,  4.0f,  6.0f,
                                     -0.0f, -0.5f, -1.0f, -1.5f, -2.0f, -3.0f, -4.0f, -6.0f};

constexpr auto from_f8_e4m3 = [](std::uint8_t b) { return f8_e4m3_to_f32(b); };
constexpr auto from_f8_e5m2 = [](std::uint8_t b) { return f8_e5m2_to_f32(b); };
constexpr auto from_signed8 = [](std::uint8_t b) { return static_cast<float>(static_cast<std::int8_t>(b)); };
constexpr auto from_offset8 = [](std::uint8_t b) { return static_cast<float>(b) - 128.0f; };
constexpr auto from_offset4 = [](std::uint8_t b) { return static_cast<float>(b) - 8.0f; };
constexpr auto from_f4_e2m1 = [](std::uint8_t b) { return e2m1[b]; };

template <class Number>
void numbers_of_bytes(const std::byte* codes, std::span<float> out) {
  dispatch(
      [](const std::byte* from, std::size_t count, float* to) {
        for (std::size_t i = 0; i < count; ++i) to[i] = Number{}(std::to_integer<std::uint8_t>(from[i]));
      },
      codes, out.size(), out.data());
}

/// @param first  codes before the first wanted one, counted from the first byte's low half.
template <class Number>
void numbers_of_nibbles(const std::byte* codes, std::uint64_t first, std::span<float> out) {
  for (std::size_t i = 0; i < out.size(); ++i) {
    const std::uint64_t at = first + i;
    const auto byte = std::to_integer<unsigned>(codes[at / 2]);
    out[i] = Number{}(static_cast<std::uint8_t>(at % 2 == 0 ? byte & 0xFu : byte >> 4));
  }
}

/// The numbers that codes stand for, without scale and zero point.
void numbers_of(Codes codes, const std::byte* bytes, std::uint64_t first, std::span<float> out) {
  switch (codes) {
    case Codes::f8_e4m3:
      return numbers_of_bytes<decltype(from_f8_e4m3)>(bytes + first, out);
    case Codes::f8_e5m2:
      return numbers_of_bytes<decltype(from_f8_e5m2)>(bytes + first, out);
    case Codes::signed8:
      return numbers_of_bytes<decltype(from_signed8)>(bytes + first, out);
    case Codes::offset8:
      return numbers_of_bytes<decltype(from_offset8)>(bytes + first, out);
    case Codes::offset4:
      return numbers_of_nibbles<decltype(from_offset4)>(bytes, first, out);
    case Codes::f4_e2m1:
      return numbers_of_nibbles<decltype(from_f4_e2m1)>(bytes, first, out);
  }
}

constexpr auto scale_values = [](float* values, std::size_t count, float zero, float scale) {
  for (std::size_t i = 0; i < count; ++i) values[i] = (values[i] - zero) * scale;
};

}  // namespace

struct EncodedSource::Tables {
  SmallTensors::Values<float> scales, zero_points, groups;  // the last two may be missing
};

EncodedSource::EncodedSource(const Catalogue& model, const Encoding& encoding, SmallTensors& cache,
                             std::optional<DType> round_to)
    : model_(model),
      encoding_(encoding),
      cache_(cache),
      round_to_(round_to),
      file_(cache.files().of(model, encoding.coded)) {}

ElementRange EncodedSource::bytes_of(ElementRange range) const {
  if (!encoding_.is_nibbles()) return range;
  const std::uint64_t first = range.first / 2;
  return {first, range.count == 0 ? 0 : (range.end() + 1) / 2 - first};
}

void EncodedSource::read(ElementRange range, std::span<std::byte> stored) const {
  try {
    file_->read_at(encoding_.coded.offset + bytes_of(range).first, stored);
  } catch (Error& error) {
    throw error.in_tensor(encoding_.coded.info.name).in_model(model_.model);
  }
}

void EncodedSource::will_need(ElementRange range) const {
  const ElementRange bytes = bytes_of(range);
  file_->will_need({encoding_.coded.offset + bytes.first, bytes.count});
}

EncodedSource::Tables EncodedSource::tables() const {
  Tables tables;
  tables.scales = scale_table(model_, encoding_, cache_);
  if (encoding_.zero_points) tables.zero_points = zero_point_table(model_, encoding_, cache_);
  if (encoding_.group_index) tables.groups = group_table(model_, encoding_, cache_);
  return tables;
}

bool EncodedSource::decode(std::span<const std::byte> stored, ElementRange held, ElementRange wanted,
                           std::span<float> out) const {
  const std::uint64_t first_held = encoding_.is_nibbles() ? held.first / 2 * 2 : held.first;
  numbers_of(encoding_.codes, stored.data(), wanted.first - first_held, out);
  const Tables all = tables();
  for (std::uint64_t at = wanted.first; at < wanted.end();) {
    const std::uint64_t row = at / encoding_.pitch, column = at % encoding_.pitch;
    const std::uint64_t count = std::min(encoding_.pitch - column, wanted.end() - at);
    scale_row(all, row, column, out.subspan(at - wanted.first, count));
    at += count;
  }
  if (round_to_) round_through(*round_to_, out);
  return any_nonfinite<float>(out);
}

bool EncodedSource::decode(std::span<const std::byte> stored, ElementRange held, ElementRange wanted,
                           std::span<double> out) const {
  std::vector<float> values(out.size());
  const bool nonfinite = decode(stored, held, wanted, std::span(values));
  std::ranges::copy(values, out.begin());
  return nonfinite;
}

/// @param row    of all matrices.
/// @param codes  numbers of a part of it, from `column` on; what fills it up is scaled, too.
void EncodedSource::scale_row(const Tables& tables, std::uint64_t row, std::uint64_t column,
                              std::span<float> codes) const {
  const Encoding::Grid& grid = encoding_.grid;
  const std::uint64_t matrix = grid.per_matrix ? row / encoding_.rows : 0;
  const std::uint64_t first = (matrix * grid.rows + row % encoding_.rows / grid.block_rows) * grid.columns;
  const auto apply = [&](std::uint64_t group, std::span<float> values) {
    const std::uint64_t at = first + std::min(group, grid.columns - 1);
    const float zero = tables.zero_points != nullptr ? (*tables.zero_points)[at] : 0.0f;
    dispatch(scale_values, values.data(), values.size(), zero, (*tables.scales)[at]);
  };
  for (std::size_t done = 0; done < codes.size();) {
    const std::uint64_t at = column + done;
    if (tables.groups != nullptr) {
      const std::uint64_t known = std::min<std::uint64_t>(at, encoding_.columns - 1);
      apply(static_cast<std::uint64_t>((*tables.groups)[known]), codes.subspan(done++, 1));
      continue;
    }
    const std::uint64_t group = at / grid.block_columns;
    const std::size_t count = std::min<std::uint64_t>(codes.size() - done, (group + 1) * grid.block_columns - at);
    apply(group, codes.subspan(done, count));
    done += count;
  }
}

// ---- transposed matrices

void TurnedSource::fill(ElementRange range, std::span<float> values) const { fill_matrices(range, values); }
void TurnedSource::fill(ElementRange range, std::span<double> values) const { fill_matrices(range, values); }

template <class T>
void TurnedSource::fill_matrices(ElementRange range, std::span<T> values) const {
  const std::uint64_t elements = rows_ * columns_;
  const bool fits = elements <= most_bytes_ / sizeof(T);
  for (std::uint64_t at = range.first; at < range.end();) {
    const std::uint64_t matrix = at / elements, inside = at % elements;
    const std::uint64_t count = std::min(elements - inside, range.end() - at);
    const std::span<T> into = values.subspan(at - range.first, count);
    if (fits) {
      const auto whole =
          cache_.remade<T>(tensor_, static_cast<std::uint32_t>(matrix + 1), [&] { return turned<T>(matrix); });
      std::copy_n(whole->begin() + static_cast<std::ptrdiff_t>(inside), count, into.begin());
    } else {
      fill_stripe(matrix, {inside, count}, into);
    }
    at += count;
  }
}

/// A few rows at a time, so that little more than the matrix is held.
template <class T>
std::vector<T> TurnedSource::turned(std::uint64_t matrix) const {
  constexpr std::uint64_t piece_elements = std::uint64_t{1} << 18;
  const std::uint64_t step = std::clamp<std::uint64_t>(piece_elements / columns_, 1, rows_);
  std::vector<T> whole(rows_ * columns_), piece;
  for (std::uint64_t row = 0; row < rows_; row += step) {
    const std::uint64_t count = std::min(step, rows_ - row);
    piece.resize(count * columns_);
    read_values(*inner_, {(matrix * rows_ + row) * columns_, piece.size()}, std::span(piece));
    for (std::uint64_t j = 0; j < columns_; ++j) {
      for (std::uint64_t i = 0; i < count; ++i) whole[j * rows_ + row + i] = piece[i * columns_ + j];
    }
  }
  return whole;
}

/// @param inside  elements of the turned matrix.
template <class T>
void TurnedSource::fill_stripe(std::uint64_t matrix, ElementRange inside, std::span<T> values) const {
  const std::uint64_t first = inside.first / rows_, width = (inside.end() - 1) / rows_ + 1 - first;
  std::vector<T> piece(width);
  for (std::uint64_t row = 0; row < rows_; ++row) {
    read_values(*inner_, {(matrix * rows_ + row) * columns_ + first, width}, std::span(piece));
    for (std::uint64_t j = 0; j < width; ++j) {
      const std::uint64_t at = (first + j) * rows_ + row;
      if (at >= inside.first && at < inside.end()) values[at - inside.first] = piece[j];
    }
  }
}

std::unique_ptr<Source> make_plain_source(const Catalogue& model, const StoredTensor& tensor, SmallTensors& cache,
                                          std::optional<DType> round_to) {
  if (tensor.encoding == StoredTensor::as_it_is) {
    return std::make_unique<StoredSource>(model, tensor, cache.files().of(model, tensor), round_to);
  }
  const Encoding& encoding = model.encodings[tensor.encoding];
  std::unique_ptr<Source> source = std::make_unique<EncodedSource>(model, encoding, cache, round_to);
  if (encoding.pitch != encoding.columns) {
    source = std::make_unique<CutSource>(std::move(source), encoding.pitch, encoding.columns, false);
  }
  if (encoding.turned) {
    source = std::make_unique<TurnedSource>(std::move(source), encoding.rows, encoding.columns, encoding.coded, cache);
  }
  return source;
}

}  // namespace stockpot::engine
