// Language models that see.
#include "families.hpp"

namespace stockpot::plan {
namespace {

const Texts llama{"self_attn.q_proj.weight", "self_attn.k_proj.weight", "self_attn.v_proj.weight",
                  "self_attn.o_proj.weight", "mlp.gate_proj.weight",    "mlp.up_proj.weight",
                  "mlp.down_proj.weight",    "input_layernorm.weight",  "post_attention_layernorm.weight"};

const Texts clip{"self_attn.q_proj.weight", "self_attn.q_proj.bias", "layer_norm1.weight", "mlp.fc1.weight"};

Texts with(Texts list, const Texts& more) {
  list.insert(list.end(), more.begin(), more.end());
  return list;
}

const Texts attention{"self_attn.q_proj.weight", "self_attn.o_proj.weight", "input_layernorm.weight"};

}  // namespace

std::vector<Family> vision_models() {
  const std::vector<ModelConfig::LayerCount> counts{{"text_config.num_hidden_layers", 3},
                                                    {"vision_config.num_hidden_layers", 4}};
  return {
      {"LLaVA, as 4.x writes it",
       "LlavaForConditionalGeneration",
       counts,
       {"language_model.model.layers 3 text_config.num_hidden_layers",
        "vision_tower.vision_model.encoder.layers 4 vision_config.num_hidden_layers"},
       "language_model.model.layers",
       {{"language_model.model.layers", "language_model.model.layers", 3, llama},
        {"vision_tower.vision_model.encoder.layers", "vision_tower.vision_model.encoder.layers", 4, clip}},
       {{"language_model.model.embed_tokens.weight", "before language_model.model.layers"},
        {"language_model.model.norm.weight", "after language_model.model.layers"},
        {"language_model.lm_head.weight", "after language_model.model.layers"},
        {"multi_modal_projector.linear_1.weight", "before language_model.model.layers"},
        {"vision_tower.vision_model.embeddings.class_embedding", "before vision_tower.vision_model.encoder.layers"},
        {"vision_tower.vision_model.pre_layrnorm.weight", "before vision_tower.vision_model.encoder.layers"},
        {"vision_tower.vision_model.post_layernorm.weight", "after vision_tower.vision_model.encoder.layers"}}},
      {"LLaVA, as 5.x names it",
       "LlavaForConditionalGeneration",
       counts,
       {"model.language_model.layers 3 text_config.num_hidden_layers",
        "model.vision_tower.encoder.layers 4 vision_config.num_hidden_layers"},
       "model.language_model.layers",
       {{"model.language_model.layers", "model.language_model.layers", 3, llama},
        {"model.vision_tower.encoder.layers", "model.vision_tower.encoder.layers", 4, clip}},
       {{"model.language_model.embed_tokens.weight", "before model.language_model.layers"},
        {"model.language_model.norm.weight", "after model.language_model.layers"},
        {"lm_head.weight", "after model.language_model.layers"},
        {"model.multi_modal_projector.linear_1.weight", "before model.language_model.layers"},
        {"model.vision_tower.pre_layrnorm.weight", "before model.vision_tower.encoder.layers"},
        {"model.vision_tower.post_layernorm.weight", "after model.vision_tower.encoder.layers"}}},
      {"Mistral 3",
       "Mistral3ForConditionalGeneration",
       counts,
       {"language_model.model.layers 3 text_config.num_hidden_layers",
        "vision_tower.transformer.layers 4 vision_config.num_hidden_layers"},
       "text_decoder",
       {{"language_model.model.layers", "text_decoder", 3, llama},
        {"vision_tower.transformer.layers", "vision_tower", 4, {"attention.q_proj.weight", "ffn_norm.weight"}}},
       {{"language_model.model.norm.weight", "after text_decoder"},
        {"language_model.lm_head.weight", "after text_decoder"},
        {"multi_modal_projector.norm.weight", "before multi_modal_projector"},
        {"multi_modal_projector.patch_merger.merging_layer.weight", "before multi_modal_projector"},
        {"vision_tower.ln_pre.weight", "before vision_tower"},
        {"vision_tower.patch_conv.weight", "before vision_tower"}}},
      {"Llama 4",
       "Llama4ForConditionalGeneration",
       counts,
       {"language_model.model.layers 3 text_config.num_hidden_layers",
        "vision_model.model.layers 4 vision_config.num_hidden_layers"},
       "text_decoder",
       {{"language_model.model.layers", "text_decoder", 3,
         with(attention, {"feed_forward.experts.gate_up_proj", "feed_forward.experts.down_proj"})},
        {"vision_model.model.layers", "vision_model", 4, clip}},
       {{"language_model.model.embed_tokens.weight", "before text_decoder"},
        {"language_model.lm_head.weight", "after text_decoder"},
        {"multi_modal_projector.linear_1.weight", "before multi_modal_projector"},
        {"vision_model.class_embedding", "before vision_model"},
        {"vision_model.layernorm_pre.weight", "before vision_model"},
        {"vision_model.layernorm_post.weight", "after vision_model"},
        {"vision_model.vision_adapter.mlp.fc1.weight", "after vision_model"}}},
      {"Qwen2-VL",
       "Qwen2VLForConditionalGeneration",
       {{"num_hidden_layers", 3}, {"vision_config.depth", 4}},
       {"model.layers 3 num_hidden_layers", "visual.blocks 4 vision_config.depth"},
       "text_decoder",
       {{"model.layers", "text_decoder", 3, llama},
        {"visual.blocks", "vision_tower", 4, {"attn.qkv.weight", "norm1.weight", "mlp.fc1.bias"}}},
       {{"model.embed_tokens.weight", "before text_decoder"},
        {"model.norm.weight", "after text_decoder"},
        {"lm_head.weight", "after text_decoder"},
        {"visual.patch_embed.proj.weight", "before vision_tower"},
        {"visual.merger.ln_q.weight", "before multi_modal_projector"},
        {"visual.merger.mlp.0.weight", "before multi_modal_projector"},
        {"visual.merger.mlp.2.bias", "before multi_modal_projector"}}},
      {"Qwen3-VL",
       "Qwen3VLForConditionalGeneration",
       {{"text_config.num_hidden_layers", 5}, {"vision_config.depth", 4}},
       {"model.language_model.layers 5 text_config.num_hidden_layers", "model.visual.blocks 4 vision_config.depth",
        "model.visual.deepstack_merger_list 3 "},
       "text_decoder",
       {{"model.language_model.layers", "text_decoder", 5, llama},
        {"model.visual.blocks", "vision_tower", 4, {"attn.qkv.weight", "norm1.weight"}},
        {"model.visual.deepstack_merger_list", "multi_modal_projector", 3, {"norm.weight", "linear_fc1.weight"}}},
       {{"model.language_model.embed_tokens.weight", "before text_decoder"},
        {"lm_head.weight", "after text_decoder"},
        {"model.visual.pos_embed.weight", "before vision_tower"},
        {"model.visual.merger.norm.weight", "before multi_modal_projector"}}},
  };
}

}  // namespace stockpot::plan
