#include "plan/moe_tensors.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "plan/gathers.hpp"
#include "plan/head_names.hpp"
#include "plan/moe_routers.hpp"
#include "plan/shapes.hpp"
#include "plan/tensor_names.hpp"
#include "plan/tied_heads.hpp"

namespace stockpot::plan {
namespace {

using recipe::Expert;
using recipe::ExpertLayout;
using recipe::in_quotes;
using recipe::MoeRequest;

class Maker {
 public:
  Maker(const recipe::MergeDocument& document, const MoeTarget& target, const ModelList& models, const Views& views,
        MergePlan& plan, recipe::Diagnostics& diagnostics)
      : document_(document),
        models_(models),
        moe_(*document.moe),
        target_(target),
        views_(views),
        plan_(plan),
        diagnostics_(diagnostics) {
    for (const Expert& expert : moe_.experts) model_of_.push_back(models.index_of(expert.model));
    if (!moe_.shared_experts.empty()) shared_model_ = models.index_of(moe_.shared_experts.front().model);
  }

  MoeTensors make() && {
    if (!find_layers() || !check_experts()) return std::move(made_);
    made_.intermediate_size = inner_;
    routers_.emplace(document_, models_, views_, hidden_, plan_, diagnostics_);
    for (const ViewedTensor& tensor : base().tensors) take_from_base(tensor);
    for (std::size_t l = 0; l < layers_.size(); ++l) {
      const std::string& layer = layers_[l];
      moe_.layout == ExpertLayout::fused ? add_fused(layer) : add_experts(layer);
      add_router(layer + router_name(target_, moe_.layout), l, 0, model_of_.size());
      made_.routers.push_back(layer + router_name(target_, moe_.layout));
      if (!moe_.shared_experts.empty()) add_shared(layer, l);
      if (target_.architecture == recipe::MoeArchitecture::qwen2_moe) add_missing_biases(layer);
    }
    return std::move(made_);
  }

 private:
  const ModelView& base() const { return views_.models[plan_.anchor]; }
  const recipe::Position& base_at() const { return document_.base_model->at; }

  /// Layers are where feed-forward blocks are: "model.layers.0.", numbered without gaps.
  bool find_layers() {
    std::vector<std::pair<std::uint64_t, std::string>> found;
    for (const ViewedTensor& tensor : base().tensors) {
      const auto name = split_at_index(tensor.name);
      if (!name || name->suffix != dense_name(FeedForward::gate)) continue;
      found.emplace_back(name->index, tensor.name.substr(0, tensor.name.size() - name->suffix.size()));
    }
    std::ranges::sort(found);
    for (auto& [index, layer] : found) {
      if (index != layers_.size()) break;
      layers_.push_back(std::move(layer));
    }
    const auto& counts = plan_.models[plan_.anchor].config.layer_counts;
    const std::uint64_t wanted = counts.empty() ? found.size() : counts.front().layers;
    if (!layers_.empty() && layers_.size() == found.size() && found.size() == wanted) return true;
    diagnostics_.error("MOE008", base_at(),
                       fmt::format("the base model has {} of {} layers with a {}", layers_.size(),
                                   std::max<std::uint64_t>(wanted, 1), dense_name(FeedForward::gate)),
                       "experts are made of dense gated feed-forward blocks");
    return false;
  }

  /// Every block of every model is like the base's. One complaint for each model.
  bool check_experts() {
    bool fit = check_block(plan_.anchor, base_at());
    if (!fit) return false;
    for (std::size_t e = 0; e < model_of_.size(); ++e) fit &= check_block(model_of_[e], moe_.experts[e].at);
    if (shared_model_) fit &= check_block(*shared_model_, moe_.shared_experts.front().at);
    constexpr std::uint64_t most_bytes_of_both = 2 * sizeof(double);
    const Shape all{model_of_.size(), most_bytes_of_both, inner_, hidden_};
    if (!checked_elements(all)) throw Error(ErrorKind::limits, "the experts of a layer exceed 2^64 bytes");
    return fit;
  }

  bool check_block(std::uint32_t model, recipe::Position at) {
    if (std::ranges::find(checked_, model) != checked_.end()) return true;
    checked_.push_back(model);
    for (const std::string& layer : layers_) {
      for (const FeedForward matrix : feed_forward) {
        const std::string complaint = check_matrix(model, layer, matrix);
        if (complaint.empty()) continue;
        diagnostics_.error("MOE008", at, fmt::format("{} {}", in_quotes(plan_.models[model].model), complaint),
                           "experts have the shapes of the base model's feed-forward blocks");
        return false;
      }
    }
    return true;
  }

  std::string check_matrix(std::uint32_t model, const std::string& layer, FeedForward matrix) {
    const std::string name = layer + std::string(dense_name(matrix));
    const ViewedTensor* tensor = views_.models[model].find(name);
    if (tensor == nullptr) return fmt::format("has no {}", printable(name));
    if (hidden_ == 0 && tensor->shape.size() == 2) {  // the first of the base
      inner_ = tensor->shape[0];
      hidden_ = tensor->shape[1];
    }
    const Shape wanted = matrix == FeedForward::down ? Shape{hidden_, inner_} : Shape{inner_, hidden_};
    if (tensor->shape != wanted || hidden_ == 0 || inner_ == 0) {
      return fmt::format("has {} of {}, not {}", printable(name), to_string(tensor->shape), to_string(wanted));
    }
    if (!is_mergeable(tensor->dtype)) {
      return fmt::format("has {} in {}, which is not converted", printable(name), stockpot::name(tensor->dtype));
    }
    return "";
  }

  void take_from_base(const ViewedTensor& tensor) {
    constexpr std::array<std::string_view, 1> buffers{"rotary_emb.inv_freq"};
    if (ends_with_any(tensor.name, buffers)) return;  // computed by every loader
    if (const auto name = split_at_index(tensor.name)) {
      const auto is_block = [&](FeedForward matrix) { return name->suffix == dense_name(matrix); };
      if (std::ranges::any_of(feed_forward, is_block)) return;
      if (std::ranges::find(target_.layer_tensors, name->suffix) == target_.layer_tensors.end()) {
        return refuse(tensor);
      }
    } else if (ends_with_any(tensor.name, head_names)) {
      const bool copy = is_tied_copy(plan_.models[plan_.anchor], tensor.own_name);
      if (copy && !document_.extensions.keep_tied_heads) return;
      made_.has_head = made_.has_head || !copy;
      made_.stores_head = true;
    }
    add(tensor.name, tensor.shape, source_of(plan_.anchor, tensor), &tensor, tensor.dtype);
  }

  void refuse(const ViewedTensor& tensor) {
    if (std::exchange(refused_, true)) return;
    diagnostics_.error("MOE008", base_at(),
                       fmt::format("{} has no place for the base model's {}", target_.title, printable(tensor.name)));
  }

  void add_experts(const std::string& layer) {
    for (std::size_t e = 0; e < model_of_.size(); ++e) {
      for (const FeedForward matrix : feed_forward) {
        add_matrix(layer + expert_name(target_, e, matrix), layer, model_of_[e], moe_.experts[e], matrix);
      }
    }
  }

  void add_shared(const std::string& layer, std::uint64_t number) {
    const Expert& expert = moe_.shared_experts.front();
    for (const FeedForward matrix : feed_forward) {
      add_matrix(layer + shared_name(target_, matrix), layer, *shared_model_, expert, matrix);
    }
    if (target_.shared_prompts) add_router(layer + std::string(shared_gate_name), number, model_of_.size(), 1);
  }

  /// Rows of a router: each as long as the hidden state.
  void add_router(const std::string& name, std::uint64_t layer, std::uint64_t first, std::uint64_t rows) {
    const ViewedTensor& gate = matrix_of(plan_.anchor, layers_[layer], FeedForward::gate);
    const auto made = routers_->make({name, layer, first, rows}, gate);
    if (made) add(name, {rows, hidden_}, made->source, made->viewed, gate.dtype);
  }

  const ViewedTensor& matrix_of(std::uint32_t model, const std::string& layer, FeedForward matrix) const {
    return *views_.models[model].find(layer + std::string(dense_name(matrix)));
  }

  DType base_dtype(const std::string& layer, FeedForward matrix) const {
    return matrix_of(plan_.anchor, layer, matrix).dtype;
  }

  /// One matrix of one expert: as it is stored if nothing is done to it.
  void add_matrix(const std::string& name, const std::string& layer, std::uint32_t model, const Expert& expert,
                  FeedForward matrix) {
    const ViewedTensor& tensor = matrix_of(model, layer, matrix);
    const bool scaled = matrix == FeedForward::down && expert.residual_scale != 1.0;
    SourceTensor source = source_of(model, tensor);
    if (scaled || expert.noise_scale > 0.0) {
      Gather gather = empty_gather(tensor.shape);
      append(gather, name, model, expert, matrix, tensor);
      source = gathered(std::move(gather), plan_.gathers);
    }
    add(name, tensor.shape, source, &tensor, base_dtype(layer, matrix));
  }

  /// All experts of a layer, one behind the other; of each the gate's rows before those of up.
  void add_fused(const std::string& layer) {
    const std::uint64_t experts = model_of_.size();
    const Shape gate_up{experts, 2 * inner_, hidden_}, down{experts, hidden_, inner_};
    for (const bool is_down : {false, true}) {
      const std::string name = layer + std::string(is_down ? fused_down_name : fused_gate_up_name);
      Gather gather = empty_gather(is_down ? down : gate_up);
      for (std::size_t e = 0; e < experts; ++e) {
        for (const FeedForward matrix : feed_forward) {
          if ((matrix == FeedForward::down) != is_down) continue;
          append(gather, name, model_of_[e], moe_.experts[e], matrix, matrix_of(model_of_[e], layer, matrix));
        }
      }
      const FeedForward first = is_down ? FeedForward::down : FeedForward::gate;
      const ViewedTensor& tensor = matrix_of(model_of_.front(), layer, first);
      const Shape shape = gather.shape;
      add(name, shape, gathered(std::move(gather), plan_.gathers), &tensor, base_dtype(layer, first));
    }
  }

  /// Adds an expert's matrix, with noise and scale, behind what a gather has. @param name  of the output tensor.
  void append(Gather& gather, const std::string& name, std::uint32_t model, const Expert& expert, FeedForward matrix,
              const ViewedTensor& tensor) const {
    std::uint32_t draw = Gather::no_draw;
    if (expert.noise_scale > 0.0) {
      draw = static_cast<std::uint32_t>(gather.draws.size());
      const std::uint64_t stream = stream_of(value_domain, expert.model.text, name);
      gather.draws.push_back({Distribution::normal, expert.noise_scale, {plan_.seed, stream}});
    }
    append_pieces(gather, model, tensor.pieces, {draw, matrix == FeedForward::down ? expert.residual_scale : 1.0});
  }

  /// Qwen's attention always has them.
  void add_missing_biases(const std::string& layer) {
    for (const char* projection : {"q_proj", "k_proj", "v_proj"}) {
      const std::string name = fmt::format("{}self_attn.{}.bias", layer, projection);
      const ViewedTensor* weight = base().find(fmt::format("{}self_attn.{}.weight", layer, projection));
      if (base().find(name) != nullptr || weight == nullptr || weight->shape.empty()) continue;
      const Shape shape{weight->shape.front()};
      const ViewedTensor& gate = matrix_of(plan_.anchor, layer, FeedForward::gate);
      Gather zeros = unstored_gather(shape, {plan_.anchor, gate.pieces.front().tensor});
      add(name, shape, gathered(std::move(zeros), plan_.gathers), &gate, gate.dtype);
    }
  }

  /// A viewed tensor as it is: stored, or put together of its pieces.
  SourceTensor source_of(std::uint32_t model, const ViewedTensor& tensor) {
    const Piece& first = tensor.pieces.front();
    const bool stored = plan_.models[model].tensors[first.tensor].info.shape == tensor.shape;
    if (tensor.pieces.size() == 1 && stored) return {model, first.tensor};
    Gather gather = empty_gather(tensor.shape);
    append_pieces(gather, model, tensor.pieces);
    return gathered(std::move(gather), plan_.gathers);
  }

  void add(const std::string& name, const Shape& shape, SourceTensor source, const ViewedTensor* viewed, DType dtype) {
    made_.names.push_back(name);
    MatchedTensor tensor{.name = made_.names.back(), .shape = shape, .dtype = dtype, .copy = true};
    tensor.sources = {source};
    tensor.viewed = {viewed};
    made_.tensors.push_back(std::move(tensor));
  }

  const recipe::MergeDocument& document_;
  const ModelList& models_;
  const MoeRequest& moe_;
  const MoeTarget& target_;
  const Views& views_;
  MergePlan& plan_;
  recipe::Diagnostics& diagnostics_;
  std::vector<std::uint32_t> model_of_;  // by expert
  std::optional<std::uint32_t> shared_model_;
  std::vector<std::uint32_t> checked_;
  std::vector<std::string> layers_;       // "model.layers.0."
  std::uint64_t inner_ = 0, hidden_ = 0;  // of the blocks
  std::optional<RouterMaker> routers_;    // once the hidden size is known
  bool refused_ = false;
  MoeTensors made_;
};

}  // namespace

MoeTensors make_moe_tensors(const recipe::MergeDocument& document, const MoeTarget& target, const ModelList& models,
                            const Views& views, MergePlan& plan, recipe::Diagnostics& diagnostics) {
  return Maker(document, target, models, views, plan, diagnostics).make();
}

}  // namespace stockpot::plan
