#include "recipe/print_moe.hpp"

namespace stockpot::recipe {
namespace {

void write_prompts(YamlWriter& out, std::string_view key, const std::vector<std::string>& prompts) {
  if (prompts.empty()) return;
  out.key(key).begin_list();
  for (const std::string& prompt : prompts) out.text(prompt);
  out.end_list();
}

void write_experts(YamlWriter& out, std::string_view key, const std::vector<Expert>& experts,
                   WriteReference write_reference) {
  if (experts.empty()) return;
  out.key(key).begin_list();
  for (const Expert& expert : experts) {
    out.begin_map().key("source_model");
    write_reference(out, expert.model);
    write_prompts(out, "positive_prompts", expert.positive_prompts);
    write_prompts(out, "negative_prompts", expert.negative_prompts);
    out.key("noise_scale").number(expert.noise_scale);
    out.key("residual_scale").number(expert.residual_scale);
    out.end_map();
  }
  out.end_list();
}

}  // namespace

void write_moe(YamlWriter& out, const MoeRequest& moe, WriteReference write_reference) {
  if (moe.architecture) out.key("architecture").text(name(*moe.architecture));
  out.key("gate_mode").text(name(moe.gate_mode));
  out.key("experts_per_token").whole(moe.experts_per_token);
  out.key("layout").text(name(moe.layout));
  write_experts(out, "experts", moe.experts, write_reference);
  write_experts(out, "shared_experts", moe.shared_experts, write_reference);
}

}  // namespace stockpot::recipe
