// NearSwap: take the other model where it is near the base, and move by t towards it where it is not.
//
// Source: model card of QuartetAnemoi-70B; there is no paper.
#include <cmath>

#include "core/simd.hpp"
#include "methods/kernels/each_element.hpp"
#include "methods/kernels/masks.hpp"
#include "methods/method.hpp"

namespace stockpot::methods {

extern const MethodSpec nearswap;

namespace {

/// out = w x + (1 - w) base, w = min(t / max(|base - x|, 1e-6), 1)
constexpr auto swap_near = []<class T, class E>(T t, const E* x, const E* base, std::size_t count, E* out) {
  constexpr T least_distance = T(1e-6);
  write_each(count, out, [=](auto at) {
    const T distance = std::abs(at(base) - at(x));
    const T share = t / chosen(mask_of<T>(distance > least_distance), distance, least_distance);
    const T bounded = chosen(mask_of<T>(share < T{1}), share, T{1});
    return bounded * at(x) + (T{1} - bounded) * at(base);
  });
};

class NearSwap final : public TileMethod<NearSwap> {
 public:
  NearSwap(const Settings&, const GroupInfo&) {}
  static constexpr bool stored = true;
  static constexpr bool absorbing = true;

  template <class E>
  void merge_tile(const Tile<E>& in, std::span<E> out) const {
    const auto t = static_cast<ValueOf<E>>(in.tensor.settings.number("t"));
    dispatch(swap_near, t, in.model_values[0], in.base_values, in.size(), out.data());
  }
};

}  // namespace

extern const MethodSpec nearswap{.name = "nearswap",
                                 .summary = "the other model where it is near the base, else a step of t towards it",
                                 .formula = "w = min(t / max(|b - x|, 1e-6), 1);  out = w x + (1-w) b",
                                 .source = "model card of QuartetAnemoi-70B",
                                 .base = BaseUse::required,
                                 .max_models = 1,
                                 .absent = AbsentRule::base_or_all,
                                 .parameters = {{.name = "t",
                                                 .required = true,
                                                 .interval = {.low = 0.0},
                                                 .help = "distance up to which the other model's values are taken"}},
                                 .make = make_method<NearSwap>};

}  // namespace stockpot::methods
