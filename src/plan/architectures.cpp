#include "plan/architectures.hpp"

#include <algorithm>

namespace stockpot::plan {
namespace {

/// A language model under the three roots that it has had.
const std::vector<std::string_view> text_layers{"language_model.model.layers", "model.language_model.layers",
                                                "model.layers"};
const ModuleFacts projector{"multi_modal_projector", {}, {"multi_modal_projector.", "model.multi_modal_projector."}};

const std::vector<ArchitectureFacts> facts{
    {{"Gemma3ForConditionalGeneration"},
     {{"text_decoder", text_layers, {}},
      projector,
      {"vision_tower",
       {"vision_tower.vision_model.encoder.layers", "vision_tower.encoder.layers",
        "model.vision_tower.vision_model.encoder.layers", "model.vision_tower.encoder.layers"},
       {}}}},
    {{"Mistral3ForConditionalGeneration"},
     {{"text_decoder", text_layers, {}},
      projector,
      {"vision_tower", {"vision_tower.transformer.layers", "model.vision_tower.transformer.layers"}, {}}}},
    {{"Llama4ForConditionalGeneration"},
     {{"text_decoder", text_layers, {}},
      projector,
      {"vision_model", {"vision_model.model.layers", "model.vision_model.model.layers"}, {}}}},
    {{"Qwen2VLForConditionalGeneration", "Qwen2_5_VLForConditionalGeneration"},
     {{"text_decoder", text_layers, {}},
      {"multi_modal_projector", {}, {"visual.merger.", "model.visual.merger."}},
      {"vision_tower", {"visual.blocks", "model.visual.blocks"}, {}}}},
    {{"Qwen3VLForConditionalGeneration", "Qwen3VLMoeForConditionalGeneration"},
     {{"text_decoder", text_layers, {}},
      {"multi_modal_projector",
       {},
       {"model.visual.merger.", "model.visual.deepstack_merger_list.", "visual.merger.",
        "visual.deepstack_merger_list."}},
      {"vision_tower", {"model.visual.blocks", "visual.blocks"}, {}}}},
    {{"T5ForConditionalGeneration", "MT5ForConditionalGeneration", "UMT5ForConditionalGeneration"},
     {{"encoder", {"encoder.block"}, {}},
      {"decoder", {"decoder.block"}, {}},
      {"shared", {}, {"shared.weight", "lm_head.weight"}}}},
    {{"Lfm2ForCausalLM", "Lfm2MoeForCausalLM", "Lfm2VlForConditionalGeneration"}, {}, {"embedding_norm.weight"}},
    {{"WhisperForConditionalGeneration"},
     {{"encoder", {"model.encoder.layers"}, {}}, {"decoder", {"model.decoder.layers"}, {"proj_out."}}}},
};

}  // namespace

std::span<const ArchitectureFacts> all_architecture_facts() { return facts; }

const ArchitectureFacts* find_architecture_facts(std::string_view architecture) {
  const auto at = std::ranges::find_if(facts, [&](const ArchitectureFacts& known) {
    return std::ranges::find(known.architectures, architecture) != known.architectures.end();
  });
  return at == facts.end() ? nullptr : &*at;
}

}  // namespace stockpot::plan
