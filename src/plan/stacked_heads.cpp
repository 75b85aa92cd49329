#include "plan/stacked_heads.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "plan/known_heads.hpp"
#include "plan/tied_heads.hpp"

namespace stockpot::plan {
namespace {

bool gives_head(const MatchContext& context, const GivenTensors& given) {
  return std::ranges::any_of(given.tensors, [&](const GivenTensor& t) {
    return is_head(context.views.models[given.model], t.name, *t.viewed);
  });
}

bool gives_own_head(const MatchContext& context, const GivenTensors& given) {
  const Catalogue& model = context.catalogues[given.model];
  return std::ranges::any_of(given.tensors, [&](const GivenTensor& t) {
    return is_head(context.views.models[given.model], t.name, *t.viewed) && !is_tied_copy(model, t.viewed->own_name);
  });
}

bool gives(const GivenTensors& given, const ViewedTensor* tensor) {
  return std::ranges::find(given.tensors, tensor, &GivenTensor::viewed) != given.tensors.end();
}

/// Whether the model has a head at all: encoders and classifiers have an embedding alone.
bool speaks(const Catalogue& model) {
  constexpr std::array<std::string_view, 4> endings{"ForCausalLM", "LMHeadModel", "ForMaskedLM",
                                                    "ForConditionalGeneration"};
  const auto& names = model.config.architectures;
  return !names.empty() && std::ranges::any_of(endings, [&](auto ending) { return names.front().ends_with(ending); });
}

/// What the models store a head by, the anchor first; empty if none does.
std::string_view stored_head(const MatchContext& context) {
  const auto head_of = [](const ModelView& view) -> std::string_view {
    for (const ViewedTensor& tensor : view.tensors) {
      if (is_head(view, tensor.name, tensor)) return tensor.name;
    }
    return {};
  };
  std::string_view name = head_of(context.views.models[context.views.anchor]);
  for (const ModelView& view : context.views.models) {
    if (name.empty()) name = head_of(view);
  }
  return name;
}

/// The slices of one module.
class ModuleHead {
 public:
  ModuleHead(const MatchContext& context, std::span<PlannedSlice> slices, std::string_view head)
      : context_(context), first_(slices.front()), last_(slices.back()), head_(head) {}

  void settle(Matching& matching, recipe::Diagnostics& diagnostics) {
    const auto has_head = [&](const GivenTensors& source) { return gives_own_head(context_, source); };
    if (!has_embedding() || std::ranges::any_of(last_.sources, has_head)) return;
    const bool promised = !says_tied(context_.catalogues[context_.views.anchor]);
    if (same_models() && !promised) return;
    for (GivenTensors& source : last_.sources) {
      if (says_tied(context_.catalogues[source.model])) give(source, matching, diagnostics);
    }
  }

 private:
  /// Heads stand in the module of the embedding that they can be tied to.
  bool has_embedding() const {
    return std::ranges::any_of(first_.sources, [&](const GivenTensors& source) {
      const auto* embedding = input_embedding(context_.views.models[source.model], head_);
      return embedding != nullptr && gives(source, embedding);
    });
  }

  bool same_models() const {
    return std::ranges::is_permutation(first_.sources, last_.sources, {}, &GivenTensors::model, &GivenTensors::model);
  }

  void give(GivenTensors& source, Matching& matching, recipe::Diagnostics& diagnostics) {
    const ModelView& view = context_.views.models[source.model];
    const auto* embedding = input_embedding(view, head_);
    if (embedding == nullptr) return;
    const Catalogue& model = context_.catalogues[source.model];
    const std::string_view name = name_for(model, embedding->name);
    if (name.empty()) return tell_lost(source, embedding->name, diagnostics);
    const double depth = context_.extensions.post_layer_t ? 1.0 : 0.0;
    GivenTensor head{std::string(name), embedding, depth, 0.0};
    const auto place = std::ranges::lower_bound(source.tensors, head.name, {}, &GivenTensor::name);
    if (place != source.tensors.end() && place->name == head.name) {
      *place = std::move(head);  // the embedding once more, which would not be written
    } else {
      source.tensors.insert(place, std::move(head));
    }
    matching.unties_head = true;
    diagnostics.inform("TEN040", context_.at(source.model),
                       fmt::format("'{}' has no {} of its own and gives its tied {} instead; the output is untied",
                                   model.model, name, embedding->name));
  }

  /// What some model stores a head by, else what the architecture is known to call it.
  std::string_view name_for(const Catalogue& model, std::string_view embedding) const {
    if (!head_.empty() || model.config.architectures.empty()) return head_;
    return known_head(model.config.architectures.front(), embedding);
  }

  void tell_lost(const GivenTensors& source, const std::string& embedding, recipe::Diagnostics& diagnostics) const {
    const Catalogue& model = context_.catalogues[source.model];
    if (!speaks(model)) return;
    diagnostics.warn(
        "TEN040", context_.at(source.model),
        fmt::format("the head of '{}' is its {}, and is lost: the output's embedding and head are those of "
                    "the first slice",
                    model.model, embedding),
        "what the architecture calls a head is not known");
  }

  const MatchContext& context_;
  const PlannedSlice& first_;
  PlannedSlice& last_;
  std::string_view head_;
};

}  // namespace

void give_tied_heads(const MatchContext& context, Slices& slices, Matching& matching,
                     recipe::Diagnostics& diagnostics) {
  if (context.options.raw || gives_head(context, slices.copied)) return;
  const std::string_view head = stored_head(context);
  for (auto first = slices.slices.begin(); first != slices.slices.end();) {
    const auto end = std::find_if(first, slices.slices.end(), [&](const auto& s) { return s.module != first->module; });
    ModuleHead(context, {first, end}, head).settle(matching, diagnostics);
    first = end;
  }
}

}  // namespace stockpot::plan
