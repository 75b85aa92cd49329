#include "plan/shapes.hpp"

#include <algorithm>
#include <array>

namespace stockpot::plan {
namespace {

constexpr std::array<std::string_view, 15> usual_endings{"embed_tokens.weight",    "wte.weight",
                                                         "tok_embeddings.weight",  "word_embeddings.weight",
                                                         "embed_in.weight",        "embed_out.weight",
                                                         "embeddings.weight",      "shared.weight",
                                                         "lm_head.weight",         "lm_head.linear.weight",
                                                         "lm_head.decoder.weight", "output_layer.weight",
                                                         "vocab_projector.weight", "cls.predictions.decoder.weight",
                                                         "shared_head.head.weight"};

bool ends_with(std::string_view name, std::string_view ending) {
  return name == ending ||
         (name.size() > ending.size() && name.ends_with(ending) && name[name.size() - ending.size() - 1] == '.');
}

Shape common_submatrix(std::span<const Shape* const> shapes) {
  Shape least = *shapes.front();
  for (const Shape* shape : shapes) {
    for (std::size_t d = 0; d < least.size(); ++d) least[d] = std::min(least[d], (*shape)[d]);
  }
  return least;
}

bool covers(const Shape& shape, const Shape& wanted) {
  return std::ranges::equal(shape, wanted, [](auto has, auto needs) { return has >= needs; });
}

}  // namespace

bool ends_with_any(std::string_view name, std::span<const std::string_view> endings) {
  return std::ranges::any_of(endings, [&](std::string_view ending) { return ends_with(name, ending); });
}

EmbeddingClass::EmbeddingClass(const recipe::Extensions& extensions) {
  if (extensions.embedding_names) {
    endings_ = *extensions.embedding_names;
    usual_ = false;
  } else {
    endings_.assign(usual_endings.begin(), usual_endings.end());
  }
  for (const std::string& filter : extensions.vocab_tensors) more_.emplace_back(filter);
}

bool EmbeddingClass::contains(std::string_view name) const {
  // `output.weight` is a head at top level only: inside layers it is a projection.
  return (usual_ && name == "output.weight") ||
         std::ranges::any_of(endings_, [&](const auto& e) { return ends_with(name, e); }) || lists(name);
}

bool EmbeddingClass::lists(std::string_view name) const {
  return std::ranges::any_of(more_, [&](const recipe::Filter& filter) { return filter.matches(name); });
}

ShapeFit fit_shapes(std::span<const Shape* const> shapes, bool embedding, methods::CutRule rule) {
  ShapeFit fit{.shape = *shapes.front(), .cut = false, .misfits = {}};
  const auto differs = [&](const Shape* shape) { return *shape != fit.shape; };
  if (std::ranges::none_of(shapes, differs)) return fit;
  const bool matrices = std::ranges::all_of(shapes, [](const Shape* shape) { return shape->size() == 2; });
  if (embedding && matrices && rule == methods::CutRule::common) {
    return {.shape = common_submatrix(shapes), .cut = true, .misfits = {}};
  }
  fit.cut = embedding && matrices;
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    if (fit.cut ? !covers(*shapes[i], fit.shape) : differs(shapes[i])) fit.misfits.push_back(i);
  }
  return fit;
}

}  // namespace stockpot::plan
