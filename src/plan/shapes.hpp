// What becomes of tensors of one name whose shapes differ between models.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/tensor.hpp"
#include "methods/method.hpp"
#include "recipe/extensions.hpp"
#include "recipe/filter.hpp"

namespace stockpot::plan {

/// Whether the last components of `name` are those of one of the endings.
bool ends_with_any(std::string_view name, std::span<const std::string_view> endings);

/// The tensors whose rows are vocabulary entries: embeddings and heads, by name.
class EmbeddingClass {
 public:
  explicit EmbeddingClass(const recipe::Extensions& extensions);
  bool contains(std::string_view name) const;
  /// Whether `vocab_tensors` of the recipe names it.
  bool lists(std::string_view name) const;

 private:
  bool usual_ = true;  // the endings are ours
  std::vector<std::string> endings_;
  std::vector<recipe::Filter> more_;
};

struct ShapeFit {
  Shape shape;                       ///< of the output, where the others fit
  bool cut = false;                  ///< some are cut to it
  std::vector<std::size_t> misfits;  ///< places of those that do not fit
};

/// Whether what is stored in one shape has rows longer than a tensor that is made of it.
inline bool loses_columns(const Shape& stored, const Shape& made) {
  return made.size() == 2 && stored.back() != made.back();
}

/// @param shapes     of all holders, the base's first if it holds the tensor.
/// @param embedding  of the embedding class: cut by `rule`, if all have two dimensions.
ShapeFit fit_shapes(std::span<const Shape* const> shapes, bool embedding, methods::CutRule rule);

}  // namespace stockpot::plan
