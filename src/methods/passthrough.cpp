// Passthrough: one model's tensor as it is, or scaled. What layer stacking is made of.
#include "methods/kernels/element_loops.hpp"
#include "methods/method.hpp"

namespace stockpot::methods {

extern const MethodSpec passthrough;

namespace {

class Passthrough final : public TileMethod<Passthrough> {
 public:
  Passthrough(const Settings&, const GroupInfo&) {}
  static constexpr bool stored = true;
  static constexpr bool absorbing = true;

  template <class E>
  void merge_tile(const Tile<E>& in, std::span<E> out) const {
    const auto model = in.model(0);
    if (!in.tensor.settings.is_set("scale")) return dispatch(copy, model.data(), model.size(), out.data());
    const auto scale = static_cast<ValueOf<E>>(in.tensor.settings.per_model("scale")[0]);
    dispatch(multiply, scale, model.data(), model.size(), out.data());
  }
};

}  // namespace

extern const MethodSpec passthrough{.name = "passthrough",
                                    .summary = "one model, copied or scaled",
                                    .formula = "out = x, bit for bit;  with scale: out = scale x",
                                    .source = "",
                                    .max_models = 1,
                                    .absent = AbsentRule::exactly_one,
                                    .parameters = {{.name = "scale",
                                                    .level = Level::model,
                                                    .help = "factor of the tensor; not set: a copy, of any type"}},
                                    .copies = [](const Settings& settings) { return !settings.is_set("scale"); },
                                    .make = make_method<Passthrough>};

}  // namespace stockpot::methods
