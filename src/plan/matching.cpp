#include "plan/matching.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "plan/shapes.hpp"
#include "plan/tied_head.hpp"

namespace stockpot::plan {
namespace {

using methods::AbsentRule;

/// Buffers that hold nothing learned: the anchor's are copied, nobody misses them.
bool is_buffer(const TensorInfo& tensor) {
  constexpr std::array<std::string_view, 3> always{"rotary_emb.inv_freq", "position_ids", "num_batches_tracked"};
  constexpr std::array<std::string_view, 2> masks{"attn.bias", "attn.masked_bias"};
  if (ends_with_any(tensor.name, always)) return true;
  const bool square = tensor.shape.size() == 4 && tensor.shape[2] == tensor.shape[3];
  return ends_with_any(tensor.name, masks) && (square || tensor.dtype == DType::u8 || tensor.dtype == DType::boolean);
}

/// Walks all models' tensors in ascending order of name, and decides what becomes of each.
class Matcher {
 public:
  Matcher(std::span<const Catalogue> catalogues, const Participants& participants, const recipe::Extensions& extensions,
          MatchOptions options)
      : catalogues_(catalogues),
        who_(participants),
        extensions_(extensions),
        options_(options),
        embedding_class_(extensions),
        next_(catalogues.size(), 0) {
    takes_part_.assign(catalogues.size(), false);
    for (const auto& input : who_.inputs) takes_part_[input.model] = true;
    if (who_.base) takes_part_[*who_.base] = true;
  }

  Matching run() {
    while (const auto name = next_name()) match(*name);
    if (!options_.allow_crimes && 10 * affected_ > names_) raise_wrong_pairing();
    return std::move(found_);
  }

 private:
  static constexpr std::uint32_t absent = std::numeric_limits<std::uint32_t>::max();

  std::optional<std::string_view> next_name() const {
    std::optional<std::string_view> least;
    for (std::size_t m = 0; m < catalogues_.size(); ++m) {
      if (!takes_part_[m] || next_[m] == catalogues_[m].tensors.size()) continue;
      const std::string_view name = catalogues_[m].tensors[next_[m]].info.name;
      if (!least || name < *least) least = name;
    }
    return least;
  }

  void match(std::string_view name) {
    ++names_;
    holder_.assign(catalogues_.size(), absent);
    for (std::size_t m = 0; m < catalogues_.size(); ++m) {
      const auto& tensors = catalogues_[m].tensors;
      if (!takes_part_[m] || next_[m] == tensors.size() || tensors[next_[m]].info.name != name) continue;
      holder_[m] = next_[m]++;
    }
    if (match_buffer(name)) return;
    find_tied_heads(name);
    MatchedTensor tensor{.name = name, .present = {}, .sources = {}, .base = {}};
    for (std::uint32_t i = 0; i < who_.inputs.size(); ++i) {
      const std::uint32_t model = who_.inputs[i].model;
      if (holder_[model] == absent) continue;
      tensor.present.push_back(i);
      tensor.sources.push_back({model, holder_[model]});
    }
    if (who_.base && holder_[*who_.base] != absent) tensor.base = SourceTensor{*who_.base, holder_[*who_.base]};
    if (settle_shapes(tensor) && complete(tensor)) settle_types(std::move(tensor));
  }

  bool match_buffer(std::string_view name) {
    const auto first = std::find_if(holder_.begin(), holder_.end(), [](auto tensor) { return tensor != absent; });
    const auto model = static_cast<std::uint32_t>(first - holder_.begin());
    if (!is_buffer(catalogues_[model].tensors[*first].info)) return false;
    const StoredTensor* own = catalogues_[who_.anchor].find(name);
    if (own == nullptr) return true;
    const auto index = static_cast<std::uint32_t>(own - catalogues_[who_.anchor].tensors.data());
    found_.tensors.push_back({.name = name,
                              .shape = own->info.shape,
                              .copy = true,
                              .present = {},
                              .sources = {{who_.anchor, index}},
                              .base = {}});
    return true;
  }

  /// A model without head whose embedding is tied to it has a head: its embedding.
  void find_tied_heads(std::string_view name) {
    if (!ends_with_any(name, head_names)) return;
    for (std::uint32_t m = 0; m < catalogues_.size(); ++m) {
      if (!takes_part_[m] || holder_[m] != absent || !catalogues_[m].config.tied_embeddings.value_or(true)) continue;
      const auto& tensors = catalogues_[m].tensors;
      const auto embedding = std::find_if(tensors.begin(), tensors.end(), [](const StoredTensor& tensor) {
        return ends_with_any(tensor.info.name, embedding_names);
      });
      if (embedding == tensors.end()) continue;
      holder_[m] = static_cast<std::uint32_t>(embedding - tensors.begin());
      found_.unties_head = true;
      found_.warnings.push_back(
          fmt::format("TEN040: '{}' has no {} and gives its tied {} instead; the output is untied",
                      catalogues_[m].model, name, embedding->info.name));
    }
  }

  const StoredTensor& stored(SourceTensor source) const { return catalogues_[source.model].tensors[source.tensor]; }

  std::string where(SourceTensor source) const {
    const Catalogue& model = catalogues_[source.model];
    return fmt::format("'{}' ({})", model.model, model.files.at(stored(source).file).path);
  }

  /// Base first, if it holds the tensor, then the others in configuration order.
  static std::vector<SourceTensor> holders(const MatchedTensor& tensor) {
    std::vector<SourceTensor> all(tensor.base.has_value(), tensor.base.value_or(SourceTensor{}));
    all.insert(all.end(), tensor.sources.begin(), tensor.sources.end());
    return all;
  }

  /// The shape of the output; embeddings may be cut to it. @return false after a difference was reported.
  bool settle_shapes(MatchedTensor& tensor) {
    const auto all = holders(tensor);
    std::vector<const Shape*> shapes;
    for (const SourceTensor source : all) shapes.push_back(&stored(source).info.shape);
    const auto rule = options_.truncate_embeddings ? methods::CutRule::common : who_.method->cut;
    const ShapeFit fit = fit_shapes(shapes, embedding_class_.contains(tensor.name), rule);
    tensor.shape = fit.shape;
    if (fit.cut && (fit.misfits.empty() || extensions_.on_mismatch == recipe::OnMismatch::skip)) note_cut(tensor, all);
    if (fit.misfits.empty()) return true;
    if (extensions_.on_mismatch == recipe::OnMismatch::skip) return skip_misfits(tensor, fit.misfits);
    for (const std::size_t i : fit.misfits) {
      found_.differences.add("TEN004",
                             fmt::format("tensor {}: {} in {}, but {} in {}", tensor.name, to_string(fit.shape),
                                         where(all.front()), to_string(*shapes[i]), where(all[i])));
    }
    return false;
  }

  void note_cut(const MatchedTensor& tensor, const std::vector<SourceTensor>& all) {
    std::string lengths;
    for (const SourceTensor source : all) {
      lengths += fmt::format("{}{} in '{}'", lengths.empty() ? "" : ", ", to_string(stored(source).info.shape),
                             catalogues_[source.model].model);
    }
    found_.warnings.push_back(
        fmt::format("TEN006: tensor {} is cut to {}: {}", tensor.name, to_string(tensor.shape), lengths));
    const StoredTensor* const anchors = catalogues_[who_.anchor].find(tensor.name);
    if (anchors == nullptr || anchors->info.shape.front() == tensor.shape.front()) return;
    if (!ends_with_any(tensor.name, head_names) && !ends_with_any(tensor.name, embedding_names)) return;
    if (!found_.vocabulary || !ends_with_any(tensor.name, head_names)) found_.vocabulary = tensor.shape.front();
  }

  /// Leaves out the models whose shape is not the first holder's.
  bool skip_misfits(MatchedTensor& tensor, const std::vector<std::size_t>& misfits) {
    const std::size_t before = tensor.base ? 1 : 0;  // holders() has the base first
    for (std::size_t i = misfits.size(); i-- > 0;) {
      const auto place = static_cast<std::ptrdiff_t>(misfits[i] - before);
      const SourceTensor source = *(tensor.sources.begin() + place);
      found_.warnings.push_back(
          fmt::format("TEN007: tensor {} of '{}' has shape {} instead of {}: it takes no part there", tensor.name,
                      catalogues_[source.model].model, to_string(stored(source).info.shape), to_string(tensor.shape)));
      tensor.sources.erase(tensor.sources.begin() + place);
      tensor.present.erase(tensor.present.begin() + place);
    }
    return true;
  }

  bool complete(MatchedTensor& tensor) {
    const std::size_t lacking = who_.inputs.size() - tensor.present.size() + (who_.base && !tensor.base ? 1 : 0);
    const AbsentRule rule = who_.method->absent;
    if (rule == AbsentRule::exactly_one) return exactly_one(tensor);
    if (who_.inputs.empty()) return become_copy(tensor, *tensor.base);
    if (lacking == 0) return true;
    ++affected_;
    if (extensions_.missing == recipe::Missing::error)
      return refuse(tensor, "TEN002", "and 'missing: error' asks for all");
    switch (rule) {
      case AbsentRule::merge_present:
        return merge_present(tensor);
      case AbsentRule::task_vectors:
        return task_vectors(tensor);
      case AbsentRule::single_copied:
        return single_copied(tensor);
      case AbsentRule::base_or_all:
        return base_or_all(tensor);
      case AbsentRule::exactly_one:
        break;
    }
    return true;
  }

  bool exactly_one(MatchedTensor& tensor) {
    if (tensor.sources.size() == 1) return true;
    return refuse(tensor, "TEN005",
                  fmt::format("method {} takes each tensor from exactly one model, {} have it", who_.method->name,
                              tensor.sources.size()));
  }

  bool merge_present(MatchedTensor& tensor) {
    if (who_.base && !tensor.base) return extra(tensor, "TEN002");
    if (tensor.sources.empty()) return copy(tensor, *tensor.base);
    return warn(tensor, "merged over the models that have it");
  }

  bool task_vectors(MatchedTensor& tensor) {
    if (!tensor.base) return extra(tensor, "TEN002");
    if (tensor.sources.empty()) return copy(tensor, *tensor.base);
    return warn(tensor, "it takes no part there");
  }

  bool single_copied(MatchedTensor& tensor) {
    const auto all = holders(tensor);
    if (all.size() == 1) return copy(tensor, all.front());
    return refuse(tensor, "TEN002", "either all or exactly one must have it");
  }

  bool base_or_all(MatchedTensor& tensor) {
    const std::size_t needed = who_.method->min_models;
    const std::string_view code = needed > 1 ? "TEN005" : "TEN002";
    if (tensor.base && tensor.sources.empty()) return copy(tensor, *tensor.base);
    if (!tensor.base) return extra(tensor, code);
    if (tensor.sources.size() < needed) {
      return refuse(tensor, code, fmt::format("at least {} models beside the base must have it", needed));
    }
    return warn(tensor, "merged over the models that have it");
  }

  /// A tensor that the base lacks.
  bool extra(MatchedTensor& tensor, std::string_view code) {
    switch (extensions_.extra_tensors) {
      case recipe::ExtraTensors::error:
        return refuse(tensor, code, "the base must have it");
      case recipe::ExtraTensors::drop:
        warn(tensor, "left out of the output");
        return false;
      case recipe::ExtraTensors::copy:
        return copy(tensor, tensor.sources.front());
    }
    return false;
  }

  bool copy(MatchedTensor& tensor, SourceTensor from) {
    warn(tensor, fmt::format("copied from '{}'", catalogues_[from.model].model));
    return become_copy(tensor, from);
  }

  bool become_copy(MatchedTensor& tensor, SourceTensor from) const {
    tensor.copy = true;
    tensor.shape = stored(from).info.shape;
    tensor.sources = {from};
    tensor.present.clear();
    tensor.base.reset();
    return true;
  }

  std::string lacking_models(const MatchedTensor& tensor) const {
    std::vector<std::string> names;
    for (std::uint32_t i = 0; i < who_.inputs.size(); ++i) {
      if (std::find(tensor.present.begin(), tensor.present.end(), i) == tensor.present.end()) {
        names.push_back(fmt::format("'{}'", catalogues_[who_.inputs[i].model].model));
      }
    }
    if (who_.base && !tensor.base) names.push_back(fmt::format("the base '{}'", catalogues_[*who_.base].model));
    return fmt::format("{}", fmt::join(names, ", "));
  }

  bool warn(const MatchedTensor& tensor, const std::string& what) {
    if (examples_.size() < 3) examples_.push_back(fmt::format("{} in {}", tensor.name, lacking_models(tensor)));
    found_.warnings.push_back(
        fmt::format("TEN001: tensor {} is missing in {}: {}", tensor.name, lacking_models(tensor), what));
    return true;
  }

  bool refuse(const MatchedTensor& tensor, std::string_view code, const std::string& why) {
    const std::string lacking = lacking_models(tensor);
    if (examples_.size() < 3) examples_.push_back(fmt::format("{} in {}", tensor.name, lacking));
    const std::string line = lacking.empty() ? fmt::format("tensor {}: {}", tensor.name, why)
                                             : fmt::format("tensor {} is missing in {}: {}", tensor.name, lacking, why);
    if (extensions_.missing == recipe::Missing::drop) {
      found_.warnings.push_back(fmt::format("{}: {}; left out of the output", code, line));
    } else {
      found_.differences.add(std::string(code), line);
    }
    return false;
  }

  /// Integers are copied from the anchor, else from the first holder; empty tensors from anyone.
  void settle_types(MatchedTensor tensor) {
    const auto all = holders(tensor);
    const auto info = [&](SourceTensor source) -> const TensorInfo& { return stored(source).info; };
    const bool integral = is_integral(info(all.front()).dtype);
    const bool mixed =
        std::any_of(all.begin(), all.end(), [&](SourceTensor s) { return is_integral(info(s).dtype) != integral; });
    if (mixed) {
      const auto other =
          std::find_if(all.begin(), all.end(), [&](SourceTensor s) { return is_integral(info(s).dtype) != integral; });
      found_.differences.add("TEN003", fmt::format("tensor {}: {} in {}, but {} in {}", tensor.name,
                                                   stockpot::name(info(all.front()).dtype), where(all.front()),
                                                   stockpot::name(info(*other).dtype), where(*other)));
      return;
    }
    if (!tensor.copy && (integral || info(all.front()).elements() == 0)) {
      const auto anchor = std::find_if(all.begin(), all.end(), [&](SourceTensor s) { return s.model == who_.anchor; });
      become_copy(tensor, anchor == all.end() ? all.front() : *anchor);
    }
    tensor.opaque = !tensor.copy &&
                    std::any_of(all.begin(), all.end(), [&](SourceTensor s) { return !is_mergeable(info(s).dtype); });
    found_.tensors.push_back(std::move(tensor));
  }

  [[noreturn]] void raise_wrong_pairing() const {
    Error error(ErrorKind::recipe,
                fmt::format("{} of {} tensors are missing in some model: wrong models together?", affected_, names_));
    error.code("TEN008");
    for (const auto& example : examples_) error.with("missing", example);
    throw error.hint("check that all models descend from the same one; --allow-crimes merges them all the same");
  }

  std::span<const Catalogue> catalogues_;
  const Participants& who_;
  const recipe::Extensions& extensions_;
  MatchOptions options_;
  EmbeddingClass embedding_class_;
  std::vector<std::uint32_t> next_;    // by model: the first tensor that is not matched yet
  std::vector<bool> takes_part_;       // by model
  std::vector<std::uint32_t> holder_;  // by model: its tensor of the name at hand, or `absent`
  std::size_t names_ = 0, affected_ = 0;
  std::vector<std::string> examples_;
  Matching found_;
};

}  // namespace

Matching match_tensors(std::span<const Catalogue> catalogues, const Participants& participants,
                       const recipe::Extensions& extensions, MatchOptions options) {
  return Matcher(catalogues, participants, extensions, options).run();
}

}  // namespace stockpot::plan
