// MagMax: of all changes of an element, the one of largest magnitude.
//
// Source: Marczak et al. 2024, MagMax, arXiv:2407.06322; of equal magnitudes the later model's, as in the authors' code.
// elect: sum is the unified task vector of Huang et al. 2024, EMR-merging, arXiv:2405.17461, without its masks and
// rescalers per task.
#include <cmath>

#include "methods/kernels/element_loops.hpp"
#include "methods/kernels/sub_tile.hpp"
#include "methods/kernels/task_vector_scale.hpp"
#include "methods/method.hpp"

namespace stockpot::methods {

extern const MethodSpec magmax;

namespace {

/// largest = x - base where that is as large or larger. NaN is largest and stays.
constexpr auto take_larger = []<class T>(const T* x, const T* base, std::size_t count, T* largest) {
  for (std::size_t i = 0; i < count; ++i) {
    const T delta = x[i] - base[i];
    const bool larger = (std::abs(delta) >= std::abs(largest[i])) | (delta != delta);
    largest[i] = larger ? delta : largest[i];
  }
};

/// sum = sum + (x - base)
constexpr auto add_difference = []<class T>(const T* x, const T* base, std::size_t count, T* sum) {
  for (std::size_t i = 0; i < count; ++i) sum[i] += x[i] - base[i];
};

/// signs = +1 where they are above 0, else -1
constexpr auto take_signs = []<class T>(std::size_t count, T* signs) {
  for (std::size_t i = 0; i < count; ++i) signs[i] = signs[i] > 0 ? T{1} : T{-1};
};

/// largest = the part of x - base along the sign, where that is larger. NaN is largest and stays.
constexpr auto take_larger_along = []<class T>(const T* x, const T* base, const T* sign, std::size_t count,
                                               T* largest) {
  for (std::size_t i = 0; i < count; ++i) {
    const T along = (x[i] - base[i]) * sign[i];
    const bool larger = (along > largest[i]) | (along != along);
    largest[i] = larger ? along : largest[i];
  }
};

/// out = base + scale * (x * y)
constexpr auto add_scaled_product = []<class T>(const T* base, T scale, const T* x, const T* y, std::size_t count,
                                                T* out) {
  for (std::size_t i = 0; i < count; ++i) out[i] = base[i] + scale * (x[i] * y[i]);
};

class MagMax final : public TileMethod<MagMax> {
 public:
  MagMax(const Settings&, const GroupInfo&) {}

  template <class T>
  void merge_tile(const Tile<T>& in, std::span<T> out) const {
    const bool elects = in.tensor.settings.choice("elect") == "sum";
    const T scale = static_cast<T>(task_vector_scale(in.tensor.settings));
    for_each_sub_tile(in.size(), [&](std::size_t first, std::size_t count) {
      T sign[sub_tile_elements];
      std::fill_n(sign, count, elects ? T{0} : T{1});
      if (elects) elect_sign(in, first, count, sign);
      T* largest = out.data() + first;
      std::fill_n(largest, count, T{0});
      for (std::size_t m = 0; m < in.models(); ++m) {
        const T *x = in.model_values[m] + first, *base = in.base_values + first;
        if (elects) {
          dispatch(take_larger_along, x, base, static_cast<const T*>(sign), count, largest);
        } else {
          dispatch(take_larger, x, base, count, largest);
        }
      }
      dispatch(add_scaled_product, in.base_values + first, scale, static_cast<const T*>(sign),
               static_cast<const T*>(largest), count, largest);
    });
  }

 private:
  template <class T>
  static void elect_sign(const Tile<T>& in, std::size_t first, std::size_t count, T* sign) {
    for (std::size_t m = 0; m < in.models(); ++m) {
      dispatch(add_difference, in.model_values[m] + first, in.base_values + first, count, sign);
    }
    dispatch(take_signs, count, sign);
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
