// MagMax: of all changes of an element, the one of largest magnitude.
//
// Source: Marczak et al. 2024, MagMax, arXiv:2407.06322; of equal magnitudes the later model's, as in the authors' code.
// elect: sum is the unified task vector of Huang et al. 2024, EMR-merging, arXiv:2405.17461, without its masks and
// rescalers per task.
#include <cmath>

#include "core/simd.hpp"
#include "methods/kernels/sub_tile.hpp"
#include "methods/kernels/task_vector_scale.hpp"
#include "methods/method.hpp"

namespace stockpot::methods {

extern const MethodSpec magmax;

namespace {

template <class E>
struct Models {
  const E* const* values;
  std::size_t count;
  const E* base;
};

/// out = base + scale * the largest change. NaN is largest and stays.
constexpr auto add_largest = []<class E, class T>(Models<E> in, T scale, std::size_t count, E* out) {
  for (std::size_t first = 0; first < count; first += run_elements) {
    const std::size_t length = count - first < run_elements ? count - first : run_elements;
    const E* const base = in.base + first;
    alignas(64) T largest[run_elements];
    for (std::size_t m = 0; m < in.count; ++m) {
      const E* const x = in.values[m] + first;
      for (std::size_t i = 0; i < length; ++i) {
        const T delta = x[i] - base[i];
        const T before = m == 0 ? T{0} : largest[i];
        const bool larger = (std::abs(delta) >= std::abs(before)) | (delta != delta);
        largest[i] = larger ? delta : before;
      }
    }
    for (std::size_t i = 0; i < length; ++i) out[first + i] = static_cast<E>(base[i] + scale * largest[i]);
  }
};

/// The same of the changes along the sign of their sum, which is - where that is 0.
constexpr auto add_largest_elected = []<class E, class T>(Models<E> in, T scale, std::size_t count, E* out) {
  for (std::size_t first = 0; first < count; first += run_elements) {
    const std::size_t length = count - first < run_elements ? count - first : run_elements;
    const E* const base = in.base + first;
    alignas(64) T sign[run_elements], largest[run_elements];
    for (std::size_t m = 0; m < in.count; ++m) {
      const E* const x = in.values[m] + first;
      for (std::size_t i = 0; i < length; ++i) sign[i] = (m == 0 ? T{0} : sign[i]) + (x[i] - base[i]);
    }
    for (std::size_t i = 0; i < length; ++i) sign[i] = sign[i] > 0 ? T{1} : T{-1};
    for (std::size_t m = 0; m < in.count; ++m) {
      const E* const x = in.values[m] + first;
      for (std::size_t i = 0; i < length; ++i) {
        const T along = (x[i] - base[i]) * sign[i];
        const T before = m == 0 ? T{0} : largest[i];
        const bool larger = (along > before) | (along != along);
        largest[i] = larger ? along : before;
      }
    }
    for (std::size_t i = 0; i < length; ++i) out[first + i] = static_cast<E>(base[i] + scale * (sign[i] * largest[i]));
  }
};

class MagMax final : public TileMethod<MagMax> {
 public:
  MagMax(const Settings&, const GroupInfo&) {}
  static constexpr bool stored = true;

  template <class E>
  void merge_tile(const Tile<E>& in, std::span<E> out) const {
    const auto scale = static_cast<ValueOf<E>>(task_vector_scale(in.tensor.settings));
    const Models<E> models{in.model_values.data(), in.models(), in.base_values};
    if (in.tensor.settings.choice("elect") == "sum") {
      dispatch(add_largest_elected, models, scale, in.size(), out.data());
    } else {
      dispatch(add_largest, models, scale, in.size(), out.data());
    }
  }
};

}  // namespace

extern const MethodSpec magmax{
    .name = "magmax",
    .summary = "base plus, element by element, the largest change",
    .formula =
        "t = the x_m - b of largest magnitude, the last of equal ones;  out = b + lambda t\n"
        "elect sum: the largest of those whose sign is that of sum(x_m - b), which is - where the sum is 0",
    .source = "MagMax, arXiv:2407.06322",
    .base = BaseUse::required,
    .absent = AbsentRule::task_vectors,
    .cut = CutRule::base,
    .parameters = {{.name = "elect",
                    .type = ValueType::choice,
                    .fallback = 0.0,
                    .choices = {"none", "sum"},
                    .help = "whether the sign of the sum of all changes decides which may be taken (EMR-merging)"},
                   lambda_parameter(),
                   lines_parameter()},
    .make = make_method<MagMax>};

}  // namespace stockpot::methods
