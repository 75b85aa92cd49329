#include "engine/adapted_source.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/error.hpp"
#include "engine/encoded_source.hpp"
#include "methods/kernels/element_loops.hpp"
#include "methods/kernels/low_rank.hpp"

namespace stockpot::engine {
namespace {

using plan::AdapterPart;
using Kind = AdapterPart::Kind;

/// Calls work(row, column, rows, columns, offset in the range) for the rectangles that a range of a matrix is made of:
/// the end of a row, whole rows, the beginning of a row.
template <class Work>
void for_each_piece(ElementRange range, std::uint64_t width, const Work& work) {
  for (std::uint64_t at = range.first; at < range.end();) {
    const std::uint64_t row = at / width, column = at % width, left = range.end() - at;
    const std::uint64_t rows = column == 0 ? std::max<std::uint64_t>(1, left / width) : 1;
    const std::uint64_t columns = std::min(width - column, left);
    work(row, column, rows, columns, at - range.first);
    at += rows * columns;
  }
}

/// m / norm; what has no length keeps none.
template <class T>
T factor(T magnitude, double squares) {
  return squares == 0 ? T{0} : static_cast<T>(static_cast<double>(magnitude) / std::sqrt(squares));
}

}  // namespace

/// A and B as the kernel wants them, for the whole matrix.
template <class T>
struct AdaptedSource::Pair {
  SmallTensors::Values<T> a, b;  // keep what the product points to
  methods::LowRankProduct<T> whole;

  methods::LowRankProduct<T> from(std::uint64_t row, std::uint64_t column) const {
    methods::LowRankProduct<T> part = whole;
    part.left += row * part.left_row;
    part.right += column;
    return part;
  }
};

AdaptedSource::AdaptedSource(const Catalogue& model, const StoredTensor& tensor, std::span<const AdapterPart> parts,
                             SmallTensors& cache, SourceRounding rounding)
    : model_(model),
      tensor_(tensor),
      parts_(parts),
      cache_(cache),
      rounding_(rounding),
      shape_(plan::matrix_shape(tensor.info)),
      whole_rows_(plan::needs_rows(parts)),
      base_(make_plain_source(model, tensor, cache, std::nullopt)) {}

std::uint64_t AdaptedSource::stored_bytes(ElementRange range) const { return base_->stored_bytes(covering(range)); }

ElementRange AdaptedSource::covering(ElementRange range) const {
  if (!whole_rows_ || range.count == 0) return range;
  const std::uint64_t columns = shape_.columns;
  const std::uint64_t first = range.first / columns * columns;
  return {first, (range.end() + columns - 1) / columns * columns - first};
}

void AdaptedSource::read(ElementRange range, std::span<std::byte> stored) const {
  const ElementRange rows = covering(range);
  base_->read(rows, stored.first(base_->stored_bytes(rows)));
}

bool AdaptedSource::decode(std::span<const std::byte> stored, ElementRange held, ElementRange wanted,
                           std::span<float> out) const {
  return decode_as(stored, held, wanted, out);
}
bool AdaptedSource::decode(std::span<const std::byte> stored, ElementRange held, ElementRange wanted,
                           std::span<double> out) const {
  return decode_as(stored, held, wanted, out);
}

template <class T>
bool AdaptedSource::decode_as(std::span<const std::byte> stored, ElementRange held, ElementRange wanted,
                              std::span<T> out) const {
  const ElementRange range = covering(wanted);
  std::vector<T> rows;
  if (range != wanted) rows.resize(range.count);
  const std::span<T> values = rows.empty() ? out : std::span<T>(rows);
  base_->decode(stored, covering(held), range, values);
  add_parts(parts_.size(), range, values);
  if (!rows.empty()) std::ranges::copy(values.subspan(wanted.first - range.first, wanted.count), out.begin());
  for (const auto& dtype : {rounding_.adapted, rounding_.inputs}) {
    if (dtype) round_through(*dtype, out);
  }
  return any_nonfinite<T>(out);
}

template <class T>
void AdaptedSource::add_parts(std::size_t parts, ElementRange range, std::span<T> values) const {
  for (std::size_t p = 0; p < parts; ++p) add_part(p, range, values);
}

template <class T>
void AdaptedSource::add_part(std::size_t p, ElementRange range, std::span<T> values) const {
  const AdapterPart& part = parts_[p];
  switch (part.kind) {
    case Kind::low_rank:
    case Kind::low_rank_transposed:
      return part.magnitude ? add_scaled_pair(p, range, values) : add_pair(part, range, values);
    case Kind::bias: {
      const auto bias = cache_.values<T>(model_, tensor_of(part, part.a));
      return dispatch(methods::add_multiple, static_cast<T>(part.scale), bias->data() + range.first, values.size(),
                      values.data());
    }
    case Kind::replacement:
      return replace(part, range, values);
  }
}

/// values + s B A
template <class T>
void AdaptedSource::add_pair(const AdapterPart& part, ElementRange range, std::span<T> values) const {
  const StoredTensor &a = tensor_of(part, part.a), &b = tensor_of(part, part.b);
  const std::size_t rank = a.info.shape[0];
  if (rank == 0) return;
  Pair<T> pair;
  if (part.kind == Kind::low_rank) {
    pair = {cache_.values<T>(model_, a), cache_.values<T>(model_, b), {}};
    pair.whole = {pair.b->data(), rank, 1, pair.a->data(), shape_.columns, rank};
  } else {
    pair = {cache_.values<T>(model_, a), cache_.transposed<T>(model_, b), {}};
    pair.whole = {pair.a->data(), 1, shape_.rows, pair.b->data(), shape_.columns, rank};
  }
  for_each_piece(
      range, shape_.columns,
      [&](std::uint64_t row, std::uint64_t column, std::uint64_t rows, std::uint64_t columns, std::uint64_t at) {
        const methods::MatrixPiece<T> piece{values.data() + at, rows, columns, shape_.columns};
        dispatch(methods::add_low_rank, pair.from(row, column), static_cast<T>(part.scale), piece);
      });
}

/// DoRA: with V = values + s B A, values + w (m / |V| V - values).
template <class T>
void AdaptedSource::add_scaled_pair(std::size_t p, ElementRange range, std::span<T> values) const {
  const AdapterPart& part = parts_[p];
  const auto weight = static_cast<T>(adapter_of(part).weight);
  std::vector<T> changed;
  if (weight != T{1}) changed.assign(values.begin(), values.end());
  const std::span<T> into = changed.empty() ? values : std::span<T>(changed);
  add_pair(part, range, into);
  part.kind == Kind::low_rank ? scale_rows(part, range, into) : scale_columns(p, range, into);
  if (changed.empty()) return;
  dispatch(methods::move_towards, std::as_const(into).data(), weight, values.size(), values.data());
}

template <class T>
void AdaptedSource::scale_rows(const AdapterPart& part, ElementRange range, std::span<T> values) const {
  const auto magnitude = cache_.values<T>(model_, tensor_of(part, *part.magnitude));
  const std::uint64_t columns = shape_.columns;
  for (std::uint64_t at = 0; at < range.count; at += columns) {
    T* const row = values.data() + at;
    const T by = factor((*magnitude)[(range.first + at) / columns], methods::row_squares<T>(row, columns));
    dispatch(methods::multiply, by, std::as_const(row), columns, row);
  }
}

template <class T>
void AdaptedSource::scale_columns(std::size_t p, ElementRange range, std::span<T> values) const {
  const auto factors = cache_.computed<T>(tensor_, static_cast<std::uint32_t>(p), [&] { return column_factors<T>(p); });
  for_each_piece(range, shape_.columns,
                 [&](std::uint64_t, std::uint64_t column, std::uint64_t rows, std::uint64_t columns, std::uint64_t at) {
                   for (std::uint64_t i = 0; i < rows; ++i) {
                     dispatch(methods::multiply_each, factors->data() + column, columns,
                              values.data() + at + i * shape_.columns);
                   }
                 });
}

/// Streams the whole tensor, a block's worth of rows at a time.
template <class T>
std::vector<T> AdaptedSource::column_factors(std::size_t p) const {
  const AdapterPart& part = parts_[p];
  const std::uint64_t columns = shape_.columns;
  const std::uint64_t step = std::max<std::uint64_t>(1, block_elements / columns) * columns;
  std::vector<double> squares(columns);
  std::vector<std::byte> stored;
  std::vector<T> values;
  for (std::uint64_t at = 0; at < tensor_.info.elements(); at += step) {
    const ElementRange rows{at, std::min(step, tensor_.info.elements() - at)};
    stored.resize(base_->stored_bytes(rows));
    values.resize(rows.count);
    base_->read(rows, stored);
    base_->decode(stored, rows, rows, std::span<T>(values));
    add_parts(p, rows, std::span<T>(values));
    add_pair(part, rows, std::span<T>(values));
    for (std::uint64_t row = 0; row < rows.count; row += columns) {
      dispatch(methods::add_squares, std::as_const(values).data() + row, columns, squares.data());
    }
  }
  std::vector<T> factors = *cache_.values<T>(model_, tensor_of(part, *part.magnitude));
  for (std::uint64_t j = 0; j < columns; ++j) factors[j] = factor(factors[j], squares[j]);
  return factors;
}

template <class T>
void AdaptedSource::replace(const AdapterPart& part, ElementRange range, std::span<T> values) const {
  const StoredTensor& saved = tensor_of(part, part.a);
  const StoredSource source(model_, saved, cache_.files().of(model_, saved), std::nullopt);
  std::vector<std::byte> stored(source.stored_bytes(range));
  std::vector<T> to(range.count);
  source.read(range, stored);
  source.decode(stored, range, range, std::span<T>(to));
  dispatch(methods::move_towards, std::as_const(to).data(), static_cast<T>(part.scale), values.size(), values.data());
}

std::unique_ptr<Source> make_stored_source(const Catalogue& model, std::uint32_t tensor,
                                           const plan::AdaptedTensors& adapted, SmallTensors& cache,
                                           SourceRounding rounding) {
  const StoredTensor& stored = model.tensors[tensor];
  if (const auto parts = adapted.find(tensor); parts != adapted.end()) {
    return std::make_unique<AdaptedSource>(model, stored, parts->second, cache, rounding);
  }
  return make_plain_source(model, stored, cache, rounding.inputs);
}

}  // namespace stockpot::engine
