#include "recipe/moe_document.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

#include "core/nearest.hpp"
#include "recipe/text.hpp"

namespace stockpot::recipe {

const std::vector<std::string> moe_keys{"experts",   "shared_experts",    "architecture",
                                        "gate_mode", "experts_per_token", "layout"};

namespace {

constexpr std::array gate_modes{"hidden", "hidden_avg", "hidden_last", "cheap_embed", "random", "uniform_random"};
constexpr std::array architectures{"mixtral", "deepseek", "qwen2_moe", "qwen3_moe"};
constexpr std::array titles{"Mixtral", "DeepSeek MoE", "Qwen MoE", "Qwen3 MoE"};  // parallel; mergekit's names
constexpr std::array layouts{"hub", "fused"};

template <std::size_t N>
std::vector<std::string> texts(const std::array<const char*, N>& names) {
  return {names.begin(), names.end()};
}

/// @return false if something is no text, or the whole no list of them, which is reported.
bool read_texts(const Node& node, std::vector<std::string>& texts, Diagnostics& diagnostics) {
  std::size_t items = 0;
  for (const Node& item : read_sequence(node, diagnostics)) {
    ++items;
    if (auto text = read_text(item, diagnostics)) texts.push_back(std::move(*text));
  }
  return node.is_sequence() && texts.size() == items;
}

std::optional<Expert> read_expert(const Node& node, Diagnostics& diagnostics) {
  const Fields fields(node, {"source_model", "positive_prompts", "negative_prompts", "noise_scale", "residual_scale"},
                      diagnostics, Severity::warning, "source_model");
  const Node* const source = fields.require("source_model");
  auto model = source == nullptr ? std::nullopt : read_model_reference(*source, diagnostics);
  if (!model) return std::nullopt;
  Expert expert{.model = std::move(*model), .positive_prompts = {}, .negative_prompts = {}, .at = node.at};
  if (const Node* value = fields.find("positive_prompts")) {
    expert.misread_prompts = !read_texts(*value, expert.positive_prompts, diagnostics);
  }
  if (const Node* value = fields.find("negative_prompts")) read_texts(*value, expert.negative_prompts, diagnostics);
  if (const Node* value = fields.find("residual_scale")) {
    expert.residual_scale = read_double(*value, diagnostics).value_or(1.0);
  }
  if (const Node* value = fields.find("noise_scale")) {
    expert.noise_scale = read_double(*value, diagnostics).value_or(0.0);
    if (expert.noise_scale < 0.0)
      report(diagnostics, "CFG052", *value, "noise_scale is a deviation: it is not negative");
  }
  return expert;
}

std::vector<Expert> read_experts(const Node& node, Diagnostics& diagnostics) {
  std::vector<Expert> experts;
  for (const Node& item : read_sequence(node, diagnostics)) {
    if (auto expert = read_expert(item, diagnostics)) experts.push_back(std::move(*expert));
  }
  return experts;
}

/// A name of ours in full, or the beginning of one of mergekit's: the first in order of preference.
std::optional<MoeArchitecture> read_architecture(const Node& node, Diagnostics& diagnostics) {
  const auto text = read_text(node, diagnostics);
  if (!text || text->empty()) return std::nullopt;
  const std::string wanted = lower_case(*text);
  for (std::size_t i = 0; i < architectures.size(); ++i) {
    if (wanted == architectures[i]) return static_cast<MoeArchitecture>(i);
  }
  for (std::size_t i = 0; i < titles.size(); ++i) {
    if (lower_case(titles[i]).starts_with(wanted)) return static_cast<MoeArchitecture>(i);
  }
  const std::string near = did_you_mean(*text, texts(architectures)),
                    all = "mixtral, deepseek, qwen2_moe and qwen3_moe";
  report(diagnostics, "MOE002", node, fmt::format("unknown architecture {}", in_quotes(*text)),
         help_with_all(near, all));
  return std::nullopt;
}

void check_counts(const MoeRequest& moe, const Node* per_token, Diagnostics& diagnostics) {
  const std::size_t experts = moe.experts.size();
  const bool fits = moe.experts_per_token >= 1 && moe.experts_per_token <= experts;
  if (!fits && experts > 0) {
    const std::string message = fmt::format("experts_per_token is {}, but there {} {} expert{}", moe.experts_per_token,
                                            experts == 1 ? "is" : "are", experts, experts == 1 ? "" : "s");
    const std::string help = fmt::format("it is at least 1 and at most {}; without the key it is 2", experts);
    diagnostics.error("MOE001", per_token != nullptr ? per_token->at : moe.experts_at, message, help);
  }
  if (experts > 0 && !std::has_single_bit(experts)) {
    diagnostics.warn("MOE007", moe.experts_at,
                     fmt::format("{} experts are no power of two: some programs cannot load such a model", experts));
  }
}

/// Prompts that could not be read are some: nothing else is wrong about them.
bool has_prompts(const Expert& expert) { return expert.misread_prompts || !expert.positive_prompts.empty(); }

void check_shared_prompts(const MoeRequest& moe, Diagnostics& diagnostics) {
  const auto with = std::ranges::count_if(moe.shared_experts, has_prompts);
  if (with > 0 && static_cast<std::size_t>(with) < moe.shared_experts.size()) {
    diagnostics.error("MOE006", moe.shared_at, "some shared experts have prompts and some have none",
                      "give all of them positive_prompts, or none");
  }
}

void check_prompts(const MoeRequest& moe, Diagnostics& diagnostics) {
  for (const Expert& expert : moe.experts) {
    if (moe.has_random_gates() || has_prompts(expert)) continue;
    diagnostics.error("MOE003", expert.at,
                      fmt::format("expert {} has no positive_prompts", in_quotes(expert.model.text)),
                      "its router row is made from them; 'gate_mode: random' needs none");
  }
  if (moe.gate_mode == GateMode::random || moe.experts.size() < 2 || !has_prompts(moe.experts.front())) return;
  const auto same = [&](const Expert& expert) {
    return !expert.misread_prompts && expert.positive_prompts == moe.experts.front().positive_prompts &&
           expert.negative_prompts == moe.experts.front().negative_prompts;
  };
  if (!std::ranges::all_of(moe.experts, same)) return;
  diagnostics.error("MOE004", moe.experts_at,
                    "all experts have the same prompts: the router could not tell them apart");
}

}  // namespace

bool MoeRequest::has_equal_experts() const {
  return experts.size() > 1 &&
         std::ranges::all_of(experts, [&](const Expert& expert) { return expert.model == experts.front().model; });
}

std::string_view name(GateMode mode) { return gate_modes[static_cast<std::size_t>(mode)]; }
std::string_view name(MoeArchitecture architecture) { return architectures[static_cast<std::size_t>(architecture)]; }
std::string_view name(ExpertLayout layout) { return layouts[static_cast<std::size_t>(layout)]; }

void check_routers(const MoeRequest& moe, const Extensions& extensions, Diagnostics& diagnostics) {
  const bool given = extensions.gate_vectors.has_value();
  if (given && !moe.has_hidden_gates()) {
    diagnostics.warn("CFG007", extensions.gate_vectors->at,
                     fmt::format("'stockpot.gate_vectors' has no effect under gate_mode {}", name(moe.gate_mode)),
                     "they take the place of hidden states: leave gate_mode out, or say 'hidden'");
  }
  if (given && moe.has_hidden_gates()) return;  // whoever made them has seen the prompts
  check_prompts(moe, diagnostics);
  if (!moe.has_hidden_gates()) return;
  diagnostics.error("MOE011", moe.gate_at.line > 0 ? moe.gate_at : moe.experts_at,
                    fmt::format("gate_mode {}{} takes hidden states of a model that runs, and models are not run here",
                                name(moe.gate_mode), moe.gate_at.line > 0 ? "" : " (the default)"),
                    "'stockpot: {gate_vectors: FILE}' brings rows made elsewhere; 'cheap_embed', 'random' and "
                    "'uniform_random' need no model to be run");
}

MoeRequest read_moe(const Fields& fields, Diagnostics& diagnostics) {
  MoeRequest moe;
  moe.experts_at = fields.key_at("experts");
  moe.shared_at = fields.key_at("shared_experts");
  const std::size_t errors_before = diagnostics.all().size();
  const Node* const listed = fields.require("experts");
  if (listed != nullptr) moe.experts = read_experts(*listed, diagnostics);
  if (moe.experts.empty() && diagnostics.all().size() == errors_before) {
    diagnostics.error("CFG012", moe.experts_at, "there are no experts", "list at least one, as '- source_model: PATH'");
  }
  if (const Node* value = fields.find("shared_experts")) moe.shared_experts = read_experts(*value, diagnostics);
  if (const Node* value = fields.find("architecture")) {
    moe.architecture_at = value->at;
    moe.architecture = read_architecture(*value, diagnostics);
  }
  if (const Node* value = fields.find("gate_mode")) {
    moe.gate_at = value->at;
    const auto choice = read_choice(*value, texts(gate_modes), diagnostics);
    moe.gate_mode = choice ? static_cast<GateMode>(*choice) : GateMode::random;  // reported: nothing follows from it
  }
  if (const Node* value = fields.find("layout")) {
    moe.layout_at = value->at;
    moe.layout = static_cast<ExpertLayout>(read_choice(*value, texts(layouts), diagnostics).value_or(0));
  }
  const bool all_read = listed != nullptr && listed->is_sequence() && listed->members().size() == moe.experts.size();
  const Node* const per_token = fields.find("experts_per_token");
  if (per_token != nullptr) moe.experts_per_token = read_whole_number(*per_token, diagnostics).value_or(1);
  if (all_read) check_counts(moe, per_token, diagnostics);
  check_shared_prompts(moe, diagnostics);
  return moe;
}

}  // namespace stockpot::recipe
