#include "plan/matching.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "plan/absences.hpp"
#include "plan/gathers.hpp"
#include "plan/head_names.hpp"
#include "plan/row_mapping.hpp"
#include "plan/shapes.hpp"
#include "plan/tied_heads.hpp"
#include "plan/vocabulary_size.hpp"

namespace stockpot::plan {
namespace {

using methods::AbsentRule;

/// Buffers that hold nothing learned: the anchor's are copied, nobody misses them.
bool is_buffer(const ViewedTensor& tensor) {
  constexpr std::array<std::string_view, 3> always{"rotary_emb.inv_freq", "position_ids", "num_batches_tracked"};
  constexpr std::array<std::string_view, 4> masks{"attn.bias", "attn.masked_bias", "attention.bias",
                                                  "attention.masked_bias"};
  if (ends_with_any(tensor.name, always)) return true;
  const bool square = tensor.shape.size() == 4 && tensor.shape[2] == tensor.shape[3];
  const bool value = tensor.shape.empty() && tensor.name.ends_with("masked_bias");  // what masked scores become
  return ends_with_any(tensor.name, masks) &&
         (square || value || tensor.dtype == DType::u8 || tensor.dtype == DType::boolean);
}

constexpr const char* cut_rows_help =
    "'tokenizer: {source: base}', or '{source: union}', has rows follow their tokens instead (docs/tokenizers.md)";

/// A viewed tensor as a source: what is stored, or a gather of its pieces.
SourceTensor source_of(const MatchContext& context, std::uint32_t model, const ViewedTensor& viewed,
                       std::vector<Gather>& gathers) {
  if (viewed.made != nullptr) return gathered(*viewed.made, gathers);
  const Piece& first = viewed.pieces.front();
  const StoredTensor& stored = context.catalogues[model].tensors[first.tensor];
  const bool turned = first.turned || viewed.turned;
  if (viewed.pieces.size() == 1 && stored.info.shape == viewed.shape && !turned) return {model, first.tensor};
  Gather gather = empty_gather(viewed.shape);
  gather.turned = viewed.turned;
  append_pieces(gather, model, viewed.pieces);
  return gathered(std::move(gather), gathers);
}

/// Matches one slice under one method: walks its sources' tensors in ascending order of output name.
class Matcher {
 public:
  Matcher(const MatchContext& context, const PlannedSlice& slice, const Participants& who, Matching& matching)
      : context_(context),
        who_(who),
        found_(matching),
        embedding_class_(context.extensions),
        rows_(context, who, matching),
        absences_(context, who, matching) {
    for (const auto& input : who.inputs) givens_.push_back(given_of(slice, input.model, input.source));
    if (who.base) givens_.push_back(given_of(slice, *who.base, nullptr));
    next_.assign(givens_.size(), 0);
  }

  std::vector<MatchedTensor> run(const std::function<bool(std::string_view)>& wanted) {
    while (const GivenTensor* given = next_given()) {
      step(given->name);
      if (wanted(given->name)) match(*given);
    }
    return std::move(tensors_);
  }

 private:
  /// What the slice gives of a model: as one of its sources, or as its unlisted base.
  static const GivenTensors* given_of(const PlannedSlice& slice, std::uint32_t model,
                                      const recipe::InputSlice* source) {
    for (std::size_t i = 0; i < slice.sources.size(); ++i) {
      const bool same = source != nullptr ? &slice.slice->sources[i] == source : slice.sources[i].model == model;
      if (same) return &slice.sources[i];
    }
    return slice.unlisted_base && slice.unlisted_base->model == model ? &*slice.unlisted_base : nullptr;
  }

  bool at_end(std::size_t g) const { return givens_[g] == nullptr || next_[g] == givens_[g]->tensors.size(); }

  const GivenTensor* next_given() const {
    const GivenTensor* least = nullptr;
    for (std::size_t g = 0; g < givens_.size(); ++g) {
      if (at_end(g)) continue;
      const GivenTensor& given = givens_[g]->tensors[next_[g]];
      if (least == nullptr || given.name < least->name) least = &given;
    }
    return least;
  }

  /// Takes the tensors of this name from all givens.
  void step(std::string_view name) {
    holders_.assign(givens_.size(), nullptr);
    for (std::size_t g = 0; g < givens_.size(); ++g) {
      if (at_end(g) || givens_[g]->tensors[next_[g]].name != name) continue;
      holders_[g] = givens_[g]->tensors[next_[g]++].viewed;
    }
  }

  std::uint32_t model_of(std::size_t g) const { return g < who_.inputs.size() ? who_.inputs[g].model : *who_.base; }

  void match(const GivenTensor& given) {
    ++found_.names;
    MatchedTensor tensor{.name = given.name, .depth = given.depth, .layer_position = given.layer_position};
    if (is_buffer(*given.viewed)) return copy_buffer(std::move(tensor));
    if (!context_.options.raw && ends_with_any(given.name, head_names) && !settle_heads(given.name)) return;
    for (std::uint32_t i = 0; i < who_.inputs.size(); ++i) {
      if (holders_[i] == nullptr) continue;
      tensor.present.push_back(i);
      tensor.sources.push_back(source_of(context_, who_.inputs[i].model, *holders_[i], found_.gathers));
      tensor.viewed.push_back(holders_[i]);
    }
    if (who_.base && holders_.back() != nullptr) {
      tensor.base = source_of(context_, *who_.base, *holders_.back(), found_.gathers);
      tensor.viewed_base = holders_.back();
    }
    const bool fits = rows_.concerns(tensor, embedding_class_) ? rows_.apply(tensor) : settle_shapes(tensor);
    if (fits) note_vocabulary(context_, who_.anchor, tensor, found_);
    if (fits && absences_.settle(tensor)) settle_types(std::move(tensor));
  }

  /// The anchor's, else the first holder's where layers were put together without the anchor.
  void copy_buffer(MatchedTensor tensor) {
    const ViewedTensor* taken = context_.views.models[who_.anchor].find(tensor.name);
    std::uint32_t model = who_.anchor;
    for (std::size_t g = holders_.size(); g-- > 0;) {
      if (holders_[g] == nullptr || (model_of(g) != who_.anchor && has_anchor())) continue;
      taken = holders_[g];
      model = model_of(g);
    }
    if (taken == nullptr) return;
    tensor.copy = true;
    tensor.shape = taken->shape;
    tensor.sources = {source_of(context_, model, *taken, found_.gathers)};
    tensor.viewed = {taken};
    tensors_.push_back(std::move(tensor));
  }

  /// Whether the anchor's tensors count in this slice: it takes part, or the slice spans whole models.
  bool has_anchor() const {
    for (std::size_t g = 0; g < givens_.size(); ++g) {
      if (model_of(g) == who_.anchor) return true;
    }
    return std::ranges::none_of(who_.slice->sources, [](const auto& source) { return source.layers.has_value(); });
  }

  /// @return false if the output needs no head.
  bool settle_heads(std::string_view name) {
    std::vector<HeadHolder> heads;
    std::vector<std::size_t> places;
    for (std::size_t g = 0; g < givens_.size(); ++g) {
      if (givens_[g] == nullptr) continue;
      heads.push_back({model_of(g), holders_[g]});
      places.push_back(g);
    }
    if (!settle_tied_heads(context_, name, heads, found_)) return false;
    for (std::size_t i = 0; i < heads.size(); ++i) holders_[places[i]] = heads[i].viewed;
    return true;
  }

  const StoredTensor& stored(SourceTensor source) const {
    return context_.catalogues[source.model].tensors[source.tensor];
  }

  std::string where(SourceTensor source) const {
    const Catalogue& model = context_.catalogues[source.model];
    return fmt::format("'{}' ({})", model.model, model.files.at(stored(source).file).path);
  }

  /// The shape of the output; embeddings may be cut to it. @return false after a difference was reported.
  bool settle_shapes(MatchedTensor& tensor) {
    const auto all = holders_of(tensor);
    const auto seen = viewed_of(tensor);
    std::vector<const Shape*> shapes;
    for (const ViewedTensor* v : seen) shapes.push_back(&v->shape);
    const auto rule = context_.options.truncate_embeddings ? methods::CutRule::common : who_.method->cut;
    const ShapeFit fit = fit_shapes(shapes, embedding_class_.contains(tensor.name), rule);
    tensor.shape = fit.shape;
    const bool skips = context_.extensions.on_mismatch == recipe::OnMismatch::skip;
    if (fit.cut && (fit.misfits.empty() || skips)) note_cut(tensor, all, shapes);
    if (fit.misfits.empty()) return true;
    if (skips) return skip_misfits(tensor, fit.misfits);
    for (const std::size_t i : fit.misfits) {
      found_.differences.add("TEN004", context_.at(all[i].model),
                             fmt::format("tensor {}: {} in {}, but {} in {}", tensor.name, to_string(fit.shape),
                                         where(all.front()), to_string(*shapes[i]), where(all[i])));
    }
    return false;
  }

  void note_cut(const MatchedTensor& tensor, const std::vector<SourceTensor>& all,
                const std::vector<const Shape*>& shapes) {
    std::string lengths;
    bool loses_rows = false;
    for (std::size_t i = 0; i < all.size(); ++i) {
      loses_rows = loses_rows || shapes[i]->front() != tensor.shape.front();
      lengths += fmt::format("{}{} in '{}'", lengths.empty() ? "" : ", ", to_string(*shapes[i]),
                             context_.catalogues[all[i].model].model);
    }
    found_.differences.warn("TEN006", who_.method_at,
                            fmt::format("tensor {} is cut to {}: {}", tensor.name, to_string(tensor.shape), lengths),
                            loses_rows ? cut_rows_help : "");
  }

  /// Leaves out the models whose shape is not the first holder's. They lack the tensor from here on.
  bool skip_misfits(MatchedTensor& tensor, const std::vector<std::size_t>& misfits) {
    const std::size_t before = tensor.base ? 1 : 0;  // holders_of() has the base first
    for (std::size_t i = misfits.size(); i-- > 0;) {
      const auto place = static_cast<std::ptrdiff_t>(misfits[i] - before);
      const SourceTensor source = *(tensor.sources.begin() + place);
      found_.differences.warn(
          "TEN007", context_.at(source.model),
          fmt::format("tensor {} of '{}' has shape {} instead of {}: it takes no part there", tensor.name,
                      context_.catalogues[source.model].model, to_string((*(tensor.viewed.begin() + place))->shape),
                      to_string(tensor.shape)));
      tensor.sources.erase(tensor.sources.begin() + place);
      tensor.present.erase(tensor.present.begin() + place);
      tensor.viewed.erase(tensor.viewed.begin() + place);
    }
    return true;
  }

  /// Integers are copied from the anchor, else from the first holder; empty tensors from anyone.
  void settle_types(MatchedTensor tensor) {
    const auto all = holders_of(tensor);
    const auto dtype = [&](SourceTensor source) { return stored(source).info.dtype; };
    const bool integral = is_integral(dtype(all.front()));
    const auto other = std::ranges::find_if(all, [&](SourceTensor s) { return is_integral(dtype(s)) != integral; });
    if (other != all.end()) {
      found_.differences.add(
          "TEN003", context_.at(other->model),
          fmt::format("tensor {}: {} in {}, but {} in {}", tensor.name, stockpot::name(dtype(all.front())),
                      where(all.front()), stockpot::name(dtype(*other)), where(*other)));
      return;
    }
    const bool empty = std::ranges::find(tensor.shape, std::uint64_t{0}) != tensor.shape.end();
    if (!tensor.copy && (integral || empty)) {
      const auto anchor = std::ranges::find(all, who_.anchor, &SourceTensor::model);
      const SourceTensor taken = anchor == all.end() ? all.front() : *anchor;
      become_copy(tensor, taken);
      if (integral)
        std::ranges::copy_if(all, std::back_inserter(tensor.others), [&](SourceTensor s) { return s != taken; });
    }
    tensor.opaque = !tensor.copy && std::ranges::any_of(all, [&](SourceTensor s) { return !is_mergeable(dtype(s)); });
    tensors_.push_back(std::move(tensor));
  }

  const MatchContext& context_;
  const Participants& who_;
  Matching& found_;
  EmbeddingClass embedding_class_;
  RowMapping rows_;
  Absences absences_;
  std::vector<const GivenTensors*> givens_;   // of each input, then of the base; null: the slice gives nothing of it
  std::vector<std::size_t> next_;             // parallel: the first tensor that is not matched yet
  std::vector<const ViewedTensor*> holders_;  // parallel: of the name at hand
  std::vector<MatchedTensor> tensors_;
};

}  // namespace

void Matching::check_pairing(recipe::Position at, recipe::Diagnostics& diagnostics) const {
  if (10 * affected <= names) return;
  diagnostics.error(
      "TEN008", at,
      fmt::format("{} of {} tensors are missing in some model or do not fit, for example {}: wrong models "
                  "together?",
                  affected, names, fmt::join(examples, "; ")),
      "check that all models descend from the same one; --allow-crimes merges them all the same");
}

std::vector<MatchedTensor> match_slice(const MatchContext& context, const PlannedSlice& slice, const Participants& who,
                                       const std::function<bool(std::string_view)>& wanted, Matching& matching) {
  return Matcher(context, slice, who, matching).run(wanted);
}

std::vector<MatchedTensor> copy_all(const MatchContext& context, const GivenTensors& given,
                                    const std::function<bool(const GivenTensor&)>& wanted, Matching& matching) {
  std::vector<MatchedTensor> tensors;
  for (const GivenTensor& tensor : given.tensors) {
    if (!wanted(tensor)) continue;
    const bool tied = is_tied_copy(context.catalogues[given.model], tensor.viewed->own_name);
    matching.has_head =
        matching.has_head || (!tied && is_head(context.views.models[given.model], tensor.name, *tensor.viewed));
    MatchedTensor copy{.name = tensor.name, .shape = tensor.viewed->shape, .copy = true};
    copy.sources = {source_of(context, given.model, *tensor.viewed, matching.gathers)};
    copy.viewed = {tensor.viewed};
    tensors.push_back(std::move(copy));
  }
  return tensors;
}

}  // namespace stockpot::plan
