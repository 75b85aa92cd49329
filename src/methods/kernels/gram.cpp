#include "methods/kernels/gram.hpp"

#ifdef __x86_64__
#include <immintrin.h>
#endif

#include <algorithm>
#include <cassert>
#include <cstring>

#include "core/bfloat16.hpp"
#include "core/block_tree.hpp"
#include "core/range.hpp"
#include "core/simd.hpp"
#include "methods/kernels/sub_tile.hpp"

namespace stockpot::methods {
namespace {

/// Some of the eight lanes of a sum: all of them, or four where there are too few registers for more. Vectors are spelled
/// out here because the compiler keeps the sums of several pairs in registers only then (GCC 12).
template <class T, std::size_t lanes>
struct Vector {
  using Type [[gnu::vector_size(lanes * sizeof(T))]] = T;
};

/// Value by value, exact.
template <std::size_t lanes, class From, class To>
void convert(const typename Vector<From, lanes>::Type& from, typename Vector<To, lanes>::Type& to) {
  to = __builtin_convertvector(from, typename Vector<To, lanes>::Type);
}

#ifdef __x86_64__
// What eight lanes take one instruction for, and the compiler four.
template <>
[[gnu::target("avx512f")]] inline void convert<8, float, double>(const Vector<float, 8>::Type& from,
                                                                 Vector<double, 8>::Type& to) {
  to = _mm512_maskz_cvtps_pd(0xFF, from);  // of all lanes; the plain one warns of an undefined register
}
template <>
[[gnu::target("avx2")]] inline void convert<8, std::uint16_t, std::uint32_t>(const Vector<std::uint16_t, 8>::Type& from,
                                                                             Vector<std::uint32_t, 8>::Type& to) {
  const __m256i wide = _mm256_cvtepu16_epi32(reinterpret_cast<const __m128i&>(from));
  std::memcpy(&to, &wide, sizeof to);
}
#endif

template <std::size_t lanes, class E>
void load(const E* x, typename Vector<ValueOf<E>, lanes>::Type& to) {
  if constexpr (std::is_same_v<E, Bfloat16>) {
    typename Vector<std::uint16_t, lanes>::Type stored;
    typename Vector<std::uint32_t, lanes>::Type bits;
    std::memcpy(&stored, x, sizeof stored);
    convert<lanes, std::uint16_t, std::uint32_t>(stored, bits);
    bits <<= 16;
    std::memcpy(&to, &bits, sizeof to);
  } else {
    std::memcpy(&to, x, sizeof to);
  }
}

/// The origin of vectors that have none.
struct NoOrigin {
  NoOrigin operator+(std::size_t) const { return {}; }
};

template <std::size_t lanes, class E, class Origin>
void load_difference(const E* x, Origin origin, typename Vector<double, lanes>::Type& to) {
  typename Vector<ValueOf<E>, lanes>::Type value;
  load<lanes>(x, value);
  if constexpr (!std::is_same_v<Origin, NoOrigin>) {
    typename Vector<ValueOf<E>, lanes>::Type subtrahend;
    load<lanes>(origin, subtrahend);
    value -= subtrahend;
  }
  convert<lanes, ValueOf<E>, double>(value, to);
}

template <class E, class Origin>
double difference(const E* x, Origin origin, std::size_t i) {
  if constexpr (std::is_same_v<Origin, NoOrigin>) {
    return static_cast<double>(x[i]);
  } else {
    return static_cast<double>(x[i] - origin[i]);
  }
}

struct Pair {
  std::size_t j, k;
};

/// The pairs of a block whose vectors are numbered rows first, then columns.
template <std::size_t rows, std::size_t columns>
constexpr auto pairs_of_block() {
  constexpr bool triangle = columns == 0;
  std::array<Pair, triangle ? pairs_of(rows) : rows * columns> pairs{};
  std::size_t next = 0;
  for (std::size_t j = 0; j < rows; ++j) {
    for (std::size_t k = triangle ? j : rows; k < rows + columns; ++k) pairs[next++] = {j, k};
  }
  return pairs;
}

/// sums[p] += the products of pair p, lane by lane; each vector is loaded, and its difference taken, once for all pairs.
template <std::size_t rows, std::size_t columns, std::size_t lanes>
struct AddPairProducts {
  static constexpr auto pairs = pairs_of_block<rows, columns>();

  template <class E, class Origin>
  void operator()(const E* const* vectors, Origin origin, std::size_t count, double* const* sums) const {
    const E* x[rows + columns];
    for (std::size_t v = 0; v < rows + columns; ++v) x[v] = vectors[v];
    const std::size_t whole = count / 8 * 8;
    for (std::size_t lane = 0; lane < 8; lane += lanes) {
      typename Vector<double, lanes>::Type sum[pairs.size()], value[rows + columns];
      for (std::size_t p = 0; p < pairs.size(); ++p) std::memcpy(&sum[p], sums[p] + lane, sizeof sum[p]);
      for (std::size_t i = lane; i < whole; i += 8) {
        for (std::size_t v = 0; v < rows + columns; ++v) load_difference<lanes>(x[v] + i, origin + i, value[v]);
        for (std::size_t p = 0; p < pairs.size(); ++p) sum[p] += value[pairs[p].j] * value[pairs[p].k];
      }
      for (std::size_t p = 0; p < pairs.size(); ++p) std::memcpy(sums[p] + lane, &sum[p], sizeof sum[p]);
    }
    for (std::size_t i = whole; i < count; ++i) {
      const auto value = [&](std::size_t v) { return difference(x[v], origin, i); };
      for (std::size_t p = 0; p < pairs.size(); ++p) sums[p][i - whole] += value(pairs[p].j) * value(pairs[p].k);
    }
  }
};

}  // namespace

std::vector<double> Gram::products(std::span<const double> c) const {
  std::vector<double> all(vectors_, 0.0);
  for (std::size_t j = 0; j < vectors_; ++j) {
    for (std::size_t k = 0; k < vectors_; ++k) all[j] += (*this)(j, k) * c[k];
  }
  return all;
}

double Gram::squared_norm(std::span<const double> c) const {
  double sum = 0.0;
  const auto with_each = products(c);
  for (std::size_t j = 0; j < vectors_; ++j) sum += c[j] * with_each[j];
  return sum < 0.0 ? 0.0 : sum;
}

template <class E>
GramSums<E>::GramSums(std::span<const E* const> vectors, const E* origin)
    : vectors_(vectors), origin_(origin), lanes_(pairs_of(vectors.size())) {}

template <class E>
void GramSums<E>::add(std::size_t first, std::size_t count, std::span<Lanes> sums) const {
  for_each_sub_tile(count, [&](std::size_t sub, std::size_t length) { add_sub_tile(first + sub, length, sums); });
}

template <class E>
void GramSums<E>::block(std::size_t first, std::size_t count, std::span<double> gram) {
  assert(count <= block_elements);
  std::ranges::fill(lanes_, Lanes{});
  add(first, count, lanes_);
  std::ranges::transform(lanes_, gram.begin(), &Lanes::joined);
}

template <class E>
void GramSums<E>::run(std::size_t first, std::size_t count, std::span<double> gram) {
  if (count <= block_elements) return block(first, count, gram);
  SumTree tree;
  for (std::size_t at = 0; at < count; at += block_elements) {
    std::vector<double> partial(gram.size());
    block(first + at, std::min<std::size_t>(block_elements, count - at), partial);
    tree.insert(0, at / block_elements, std::move(partial));
  }
  std::ranges::copy(tree.total(blocks_of(count)), gram.begin());
}

template <class E>
void GramSums<E>::add_sub_tile(std::size_t first, std::size_t count, std::span<Lanes> sums) const {
  const std::size_t vectors = vectors_.size();
  for (std::size_t row = 0; row < vectors; row += most_rows) {
    const std::size_t rows = std::min(most_rows, vectors - row);
    add_block({row, rows, 0, 0}, first, count, sums);
    for (std::size_t column = row + rows; column < vectors; column += most_columns) {
      add_block({row, rows, column, std::min(most_columns, vectors - column)}, first, count, sums);
    }
  }
}

template <class E>
void GramSums<E>::add_block(PairBlock block, std::size_t first, std::size_t count, std::span<Lanes> sums) const {
  const E* vectors[most_rows + most_columns];
  double* lanes[pairs_of(most_rows)];
  std::size_t next = 0;
  for (std::size_t j = block.row; j < block.row + block.rows; ++j) {
    vectors[j - block.row] = vectors_[j] + first;
    const std::size_t begin = block.columns == 0 ? j : block.column;
    const std::size_t end = block.columns == 0 ? block.row + block.rows : block.column + block.columns;
    for (std::size_t k = begin; k < end; ++k) lanes[next++] = sums[Gram::place(vectors_.size(), j, k)].sum.data();
  }
  for (std::size_t k = 0; k < block.columns; ++k) vectors[block.rows + k] = vectors_[block.column + k] + first;

  const auto add = [&]<std::size_t rows, std::size_t columns>() {
    const E* const* of_block = vectors;
    double* const* to = lanes;
    const auto around = [&](auto origin) {
      if (active_instruction_set() == InstructionSet::avx512) {
        return dispatch(AddPairProducts<rows, columns, 8>{}, of_block, origin, count, to);
      }
      dispatch(AddPairProducts<rows, columns, 4>{}, of_block, origin, count, to);
    };
    origin_ == nullptr ? around(NoOrigin{}) : around(origin_ + first);
  };
  if (block.columns == 2) return add.template operator()<4, 2>();
  if (block.columns == 1) return add.template operator()<4, 1>();
  if (block.rows == 4) return add.template operator()<4, 0>();
  if (block.rows == 3) return add.template operator()<3, 0>();
  if (block.rows == 2) return add.template operator()<2, 0>();
  add.template operator()<1, 0>();
}

template class GramSums<Bfloat16>;
template class GramSums<float>;
template class GramSums<double>;

}  // namespace stockpot::methods
