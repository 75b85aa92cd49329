// NearSwap: take the other model where it is near the base, and move by t towards it where it is not.
//
// Source: model card of QuartetAnemoi-70B; there is no paper.
#include <cmath>

#include "core/simd.hpp"
#include "methods/method.hpp"

namespace stockpot::methods {

extern const MethodSpec nearswap;

namespace {

/// out = w x + (1 - w) base, w = min(t / max(|base - x|, 1e-6), 1)
constexpr auto swap_near = []<class T>(T t, const T* x, const T* base, std::size_t count, T* out) {
  constexpr T least_distance = T(1e-6);
  for (std::size_t i = 0; i < count; ++i) {
    const T distance = std::abs(base[i] - x[i]);
    const T share = t / (distance > least_distance ? distance : least_distance);
    const T bounded = share < T{1} ? share : T{1};
    out[i] = bounded * x[i] + (T{1} - bounded) * base[i];
  }
};

class NearSwap final : public TileMethod<NearSwap> {
 public:
  NearSwap(const Settings&, const GroupInfo&) {}

  template <class T>
  void merge_tile(const Tile<T>& in, std::span<T> out) const {
    const T t = static_cast<T>(in.tensor.settings.number("t"));
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
