// NuSlerp: spherical interpolation between two models, or between their task vectors, by weights.
//
// Source: mergekit's nuslerp; for task vectors WARP, arXiv:2406.16768. The vectors are whole tensors, stored rows (the
// last axis), or what runs along the first axis: the columns of a matrix, and all of a tensor of one dimension.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/simd.hpp"
#include "core/trigonometry.hpp"
#include "methods/kernels/each_element.hpp"
#include "methods/kernels/gram.hpp"
#include "methods/method.hpp"

namespace stockpot::methods {

extern const MethodSpec nuslerp;

namespace {

/// Shorter vectors are not brought to length 1.
constexpr double least_norm = 1e-7;
/// Vectors closer to parallel than this sine, or to antiparallel than this cosine, have no arc between them.
constexpr double least_sine = 1e-8;
constexpr double opposite = -1.0 + 1e-6;

struct Arc {
  double first, second;
};

/// The coefficients of a pair of vectors. @param square_*  their squared norms
Arc arc(double t, double square_first, double dot, double square_second) {
  const auto divisor = [](double square) { return std::max(std::sqrt(square), least_norm); };
  const double between = std::clamp(dot / (divisor(square_first) * divisor(square_second)), -1.0, 1.0);
  const double angle = arc_cosine(between);
  const double whole = sine(angle);
  if (whole < least_sine || between < opposite) return {1.0 - t, t};
  return {sine((1.0 - t) * angle) / whole, sine(t * angle) / whole};
}

/// The elements of two models, and what their blend becomes.
template <class E>
struct Models {
  using T = ValueOf<E>;
  const E *x, *y;
  template <class At>
  T first(At at) const {
    return at(x);
  }
  template <class At>
  T second(At at) const {
    return at(y);
  }
  template <class At>
  T restored(At, T blend) const {
    return blend;
  }
  Models from(std::size_t i) const { return {x + i, y + i}; }
};

/// The same of two task vectors.
template <class E>
struct TaskVectors {
  using T = ValueOf<E>;
  const E *x, *y, *base;
  template <class At>
  T first(At at) const {
    return at(x) - at(base);
  }
  template <class At>
  T second(At at) const {
    return at(y) - at(base);
  }
  template <class At>
  T restored(At at, T blend) const {
    return blend + at(base);
  }
  TaskVectors from(std::size_t i) const { return {x + i, y + i, base + i}; }
};

/// Calls use(Models or TaskVectors) for the elements of a tile from `first` on.
template <class E, class Use>
void with_vectors(const Tile<E>& in, std::size_t first, const Use& use) {
  const E *x = in.model_values[0] + first, *y = in.model_values[1] + first;
  if (in.base_values == nullptr) return use(Models<E>{x, y});
  use(TaskVectors<E>{x, y, in.base_values + first});
}

constexpr auto blend_vectors = []<class V, class T, class E>(V vectors, T a, T b, std::size_t count, E* out) {
  write_each(count, out, [=](auto at) { return vectors.restored(at, a * vectors.first(at) + b * vectors.second(at)); });
};

/// Calls body(i, column, length) for the runs of consecutive columns in `count` elements, of which the first has
/// `column`.
template <class Body>
void for_each_run(std::size_t count, std::size_t column, std::size_t columns, const Body& body) {
  for (std::size_t i = 0; i < count; column = 0) {
    const std::size_t length = std::min(columns - column, count - i);
    body(i, column, length);
    i += length;
  }
}

/// sums[0, columns) += squares of the first, then dot products, then squares of the second. Down a column one element
/// is added after the other: it is the columns beside it that fill the vector registers.
constexpr auto add_columns = []<class V>(V vectors, std::size_t count, std::size_t column, std::size_t columns,
                                         double* sums) {
  for_each_run(count, column, columns, [=](std::size_t i, std::size_t at, std::size_t length) {
    double *squares = sums + at, *dots = squares + columns, *others = dots + columns;
    for (std::size_t k = 0; k < length; ++k) {
      const ElementAt element{i + k};
      const auto first = static_cast<double>(vectors.first(element)),
                 second = static_cast<double>(vectors.second(element));
      squares[k] += first * first;
      dots[k] += first * second;
      others[k] += second * second;
    }
  });
};

constexpr auto blend_columns = []<class V, class E>(V vectors, const double* a, const double* b, std::size_t count,
                                                    std::size_t column, std::size_t columns, E* out) {
  using T = ValueOf<E>;
  for_each_run(count, column, columns, [=](std::size_t i, std::size_t at, std::size_t length) {
    const auto run = vectors.from(i);
    const double *const a_run = a + at, *const b_run = b + at;
    write_each(length, out + i, [=](auto element) {
      const T blend =
          static_cast<T>(element(a_run)) * run.first(element) + static_cast<T>(element(b_run)) * run.second(element);
      return run.restored(element, blend);
    });
  });
};

double share_of_second(const Settings& settings) {
  const auto weights = settings.per_model("weight");
  const double sum = weights[0] + weights[1];
  return std::abs(sum) < 1e-6 ? 0.5 : weights[1] / sum;
}

bool by_row(const Settings& settings) {
  return !settings.flag("nuslerp_flatten") && !settings.flag("nuslerp_row_wise");
}

/// How many vectors run along the first axis; one if the tensor itself is the vector.
std::size_t columns_of(const Settings& settings, const GroupInfo& group) {
  const bool columns = !settings.flag("nuslerp_flatten") && settings.flag("nuslerp_row_wise");
  return columns && !group.shape.empty() && group.elements > 0 ? group.elements / group.shape.front() : 1;
}

/// Three sums per vector from one pass; rows have theirs while they are merged.
class NuSlerp final : public TileMethod<NuSlerp> {
 public:
  NuSlerp(const Settings& settings, const GroupInfo& group)
      : t_(share_of_second(settings)), by_row_(by_row(settings)), columns_(columns_of(settings, group)) {}
  static constexpr bool stored = true;
  static constexpr bool absorbing = true;
  /// Three sums of a tile are soon looked at, three of each column are not.
  NonfiniteInput nonfinite_input() const override {
    return columns_ == 1 ? NonfiniteInput::in_sums : NonfiniteInput::refused;
  }

  std::optional<TallyShape> next_pass() const override {
    if (by_row_ || !first_.empty()) return std::nullopt;
    return TallyShape{.sums = 3 * columns_};
  }

  template <class E>
  void observe_tile(const Tile<E>& in, TallyPart part) const {
    if (columns_ == 1) return GramSums<E>(in.model_values, in.base_values).add(0, in.size(), part.sums);
    std::vector<double> sums(part.sums.size());  // side by side, as the columns are
    for (std::size_t i = 0; i < sums.size(); ++i) sums[i] = part.sums[i].sum[0];
    with_vectors(in, 0, [&](auto vectors) {
      dispatch(add_columns, vectors, in.size(), in.range.first % columns_, columns_, sums.data());
    });
    for (std::size_t i = 0; i < sums.size(); ++i) part.sums[i].sum[0] = sums[i];
  }

  void conclude(const Totals& totals) override {
    const auto squares = totals.sums, dots = squares.subspan(columns_), others = dots.subspan(columns_);
    first_.resize(columns_);
    second_.resize(columns_);
    for (std::size_t k = 0; k < columns_; ++k) {
      const Arc found = arc(t_, squares[k], dots[k], others[k]);
      first_[k] = found.first;
      second_[k] = found.second;
    }
  }

  template <class E>
  void merge_tile(const Tile<E>& in, std::span<E> out) const {
    if (by_row_) return merge_rows(in, out);
    if (columns_ == 1) return merge_run(in, 0, in.size(), {first_[0], second_[0]}, out);
    with_vectors(in, 0, [&](auto vectors) {
      dispatch(blend_columns, vectors, first_.data(), second_.data(), in.size(), in.range.first % columns_, columns_,
               out.data());
    });
  }

 private:
  template <class E>
  void merge_rows(const Tile<E>& in, std::span<E> out) const {
    const std::size_t row = in.tensor.row_elements;
    GramSums<E> sums(in.model_values, in.base_values);
    std::array<double, 3> gram{};
    for (std::size_t first = 0; first < in.size(); first += row) {
      sums.run(first, row, gram);
      merge_run(in, first, row, arc(t_, gram[0], gram[1], gram[2]), out);
    }
  }

  template <class E>
  static void merge_run(const Tile<E>& in, std::size_t first, std::size_t count, Arc along, std::span<E> out) {
    using T = ValueOf<E>;
    with_vectors(in, first, [&](auto vectors) {
      dispatch(blend_vectors, vectors, static_cast<T>(along.first), static_cast<T>(along.second), count,
               out.data() + first);
    });
  }

  double t_;
  bool by_row_;
  std::size_t columns_;
  std::vector<double> first_, second_;  // coefficients of each column's vectors
};

Needs needs(const Settings& settings, const GroupInfo& group) {
  if (by_row(settings)) return {};
  const std::uint64_t columns = columns_of(settings, group);
  return {.passes = 1, .tally = {.sums = 3 * columns}, .state_bytes = 2 * sizeof(double) * columns};
}

std::vector<std::string> check(const Settings& settings) {
  if (!settings.flag("nuslerp_flatten") || !settings.flag("nuslerp_row_wise")) return {};
  return {"nuslerp_row_wise has no effect beside nuslerp_flatten: true, which is the default"};
}

}  // namespace

extern const MethodSpec nuslerp{
    .name = "nuslerp",
    .summary = "spherical interpolation between two models by weights, whole tensors, rows or columns",
    .formula =
        "u_m = x_m, or x_m - b with a base;  t = w_2 / (w_1 + w_2);  theta = angle between u_1 and u_2\n"
        "out = (sin((1-t) theta) u_1 + sin(t theta) u_2) / sin(theta) (+ b)\n"
        "(anti)parallel: out = (1-t) u_1 + t u_2 (+ b)",
    .source = "mergekit; for task vectors WARP, arXiv:2406.16768",
    .base = BaseUse::optional,
    .min_models = 2,
    .max_models = 2,
    .absent = AbsentRule::single_copied,
    .parameters = {{.name = "weight", .level = Level::model, .required = true, .help = "share of this model"},
                   {.name = "nuslerp_flatten",
                    .type = ValueType::boolean,
                    .fallback = 1.0,
                    .help = "the vectors are whole tensors"},
                   {.name = "nuslerp_row_wise",
                    .type = ValueType::boolean,
                    .fallback = 0.0,
                    .help = "without nuslerp_flatten: true for vectors along the first axis (columns), false for "
                            "stored rows"}},
    .check = check,
    .granularity = [](const Settings& s) { return by_row(s) ? Granularity::row : Granularity::block; },
    .needs = needs,
    .make = make_method<NuSlerp>};

}  // namespace stockpot::methods
