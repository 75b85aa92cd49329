// Passthrough: one model's tensor as it is, or scaled. What layer stacking is made of.
#include <algorithm>

#include "methods/kernels/element_loops.hpp"
#include "methods/method.hpp"

namespace stockpot::methods {

extern const MethodSpec passthrough;

namespace {

class Passthrough final : public TileMethod<Passthrough> {
 public:
  Passthrough(const Settings&, const GroupInfo&) {}

  template <class T>
  void merge_tile(const Tile<T>& in, std::span<T> out) const {
    const auto model = in.model(0);
    if (!in.tensor.settings.is_set("scale")) {
      std::ranges::copy(model, out.begin());
      return;
    }
    const T scale = static_cast<T>(in.tensor.settings.per_model("scale")[0]);
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
