"""Families whose layers are of several kinds, or whose head is tied: how to configure a small one of each.

A configuration has six layers whose kinds repeat after two, so that layers 2 ... can stand where 0 ... stood.
"""

import transformers as tf

LAYERS = 6

COMMON = {
    "vocab_size": 64,
    "hidden_size": 32,
    "intermediate_size": 24,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
MAMBA = {"mamba_n_heads": 4, "mamba_d_head": 16, "mamba_n_groups": 1, "mamba_d_state": 8, "mamba_expand": 2}
LATENT = {
    "kv_lora_rank": 8,
    "q_lora_rank": 8,
    "qk_rope_head_dim": 8,
    "qk_nope_head_dim": 8,
    "v_head_dim": 8,
    "num_key_value_heads": 4,
    "moe_intermediate_size": 16,
    "n_routed_experts": 4,
    "n_shared_experts": 1,
    "num_experts_per_tok": 2,
    "n_group": 1,
    "topk_group": 1,
}
EXPERTS = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16}


def of(config, **more):
    return config(**{key: value for key, value in (COMMON | more).items() if value is not None})


def alternating(one, other):
    return [one, other] * (LAYERS // 2)


TIED = {
    "llama": lambda: of(tf.LlamaConfig, tie_word_embeddings=True),
    "gemma2": lambda: of(tf.Gemma2Config, head_dim=8),
    "qwen2": lambda: of(tf.Qwen2Config, tie_word_embeddings=True),
    "gpt2": lambda: tf.GPT2Config(vocab_size=64, n_embd=32, n_layer=LAYERS, n_head=4, n_positions=64),
    "gpt_neox": lambda: of(tf.GPTNeoXConfig, tie_word_embeddings=True),
    "opt": lambda: tf.OPTConfig(
        vocab_size=64, hidden_size=32, word_embed_proj_dim=32, ffn_dim=24, num_hidden_layers=LAYERS, num_attention_heads=4
    ),
    "bloom": lambda: tf.BloomConfig(vocab_size=64, hidden_size=32, n_layer=LAYERS, n_head=4),
    "falcon": lambda: tf.FalconConfig(vocab_size=64, hidden_size=32, num_hidden_layers=LAYERS, num_attention_heads=4),
    "gpt_bigcode": lambda: tf.GPTBigCodeConfig(vocab_size=64, n_embd=32, n_layer=LAYERS, n_head=4, n_positions=64),
    "mamba": lambda: tf.MambaConfig(vocab_size=64, hidden_size=32, num_hidden_layers=LAYERS, state_size=8),
}

MIXED = {
    "jamba": lambda: of(
        tf.JambaConfig,
        attn_layer_period=2,
        attn_layer_offset=1,
        expert_layer_period=2,
        expert_layer_offset=0,
        num_experts=4,
        use_mamba_kernels=False,
    ),
    "nemotron_h": lambda: of(
        tf.NemotronHConfig,
        num_hidden_layers=None,
        layers_block_type=alternating("linear_attention", "full_attention"),
        mamba_num_heads=4,
        mamba_head_dim=16,
        n_groups=1,
        ssm_state_size=8,
        head_dim=8,
        use_mamba_kernels=False,
    ),
    "gpt_neo": lambda: tf.GPTNeoConfig(
        vocab_size=64,
        hidden_size=32,
        num_layers=LAYERS,
        num_heads=4,
        attention_types=[[["global", "local"], LAYERS // 2]],
        window_size=4,
        max_position_embeddings=64,
    ),
    "zamba2": lambda: of(
        tf.Zamba2Config,
        layers_block_type=alternating("linear_attention", "hybrid"),
        mamba_ngroups=1,
        mamba_d_state=8,
        n_mamba_heads=4,
        num_mem_blocks=1,
        adapter_rank=4,
        num_key_value_heads=4,
        use_mem_rope=True,
    ),
    "zamba": lambda: of(
        tf.ZambaConfig,
        layers_block_type=alternating("linear_attention", "hybrid"),
        num_key_value_heads=4,
        mamba_d_state=8,
        use_mamba_kernels=False,
    ),
    "recurrent_gemma": lambda: of(
        tf.RecurrentGemmaConfig, block_types=["recurrent", "attention"], lru_width=32, attention_window_size=16
    ),
    "qwen3_next": lambda: of(
        tf.Qwen3NextConfig,
        layer_types=alternating("linear_attention", "full_attention"),
        linear_num_key_heads=2,
        linear_num_value_heads=4,
        linear_key_head_dim=8,
        linear_value_head_dim=8,
        head_dim=8,
        shared_expert_intermediate_size=16,
        mlp_only_layers=[1, 3],
        **EXPERTS,
    ),
    "falcon_h1": lambda: of(tf.FalconH1Config, mamba_d_ssm=64, **MAMBA),
    "bamba": lambda: of(tf.BambaConfig, attn_layer_indices=[1, 3, 5], **MAMBA),
    "granitemoehybrid": lambda: of(
        tf.GraniteMoeHybridConfig,
        layer_types=alternating("linear_attention", "full_attention"),
        num_local_experts=4,
        shared_intermediate_size=16,
        **MAMBA,
    ),
    "lfm2": lambda: of(tf.Lfm2Config, full_attn_idxs=[1, 3, 5]),
    "lfm2_moe": lambda: of(
        tf.Lfm2MoeConfig, layer_types=alternating("conv", "full_attention"), num_dense_layers=2, **EXPERTS
    ),
    "llama4": lambda: of(
        tf.Llama4TextConfig,
        intermediate_size_mlp=24,
        interleave_moe_layer_step=2,
        num_local_experts=4,
        head_dim=8,
        attention_chunk_size=16,
    ),
    "deepseek_v2": lambda: of(tf.DeepseekV2Config, first_k_dense_replace=2, head_dim=8, **LATENT),
    "deepseek_v3": lambda: of(tf.DeepseekV3Config, first_k_dense_replace=2, **LATENT),
    "glm4_moe": lambda: of(
        tf.Glm4MoeConfig,
        first_k_dense_replace=2,
        head_dim=8,
        moe_intermediate_size=16,
        n_routed_experts=4,
        n_shared_experts=1,
        num_experts_per_tok=2,
        n_group=1,
        topk_group=1,
    ),
    "qwen2_moe": lambda: of(
        tf.Qwen2MoeConfig, decoder_sparse_step=2, shared_expert_intermediate_size=16, mlp_only_layers=[3], **EXPERTS
    ),
    "qwen3_moe": lambda: of(tf.Qwen3MoeConfig, decoder_sparse_step=2, head_dim=8, **EXPERTS),
    "ernie4_5_moe": lambda: of(
        tf.Ernie4_5_MoeConfig,
        moe_layer_start_index=2,
        moe_num_experts=4,
        moe_k=2,
        moe_intermediate_size=16,
        moe_num_shared_experts=1,
    ),
    "cohere2": lambda: of(tf.Cohere2Config, sliding_window=4, sliding_window_pattern=2, head_dim=8),
    "gemma3": lambda: of(tf.Gemma3TextConfig, sliding_window=4, sliding_window_pattern=2, head_dim=8),
    "minimax": lambda: of(
        tf.MiniMaxConfig,
        layer_types=alternating("linear_attention", "full_attention"),
        num_local_experts=4,
        head_dim=8,
        block_size=8,
    ),
    "olmo_hybrid": lambda: of(
        tf.OlmoHybridConfig,
        layer_types=alternating("linear_attention", "full_attention"),
        linear_num_key_heads=2,
        linear_num_value_heads=2,
        linear_key_head_dim=8,
        linear_value_head_dim=8,
    ),
    "smollm3": lambda: of(tf.SmolLM3Config, no_rope_layer_interval=2),
    "afmoe": lambda: of(
        tf.AfmoeConfig, num_dense_layers=2, global_attn_every_n_layers=2, sliding_window=4, head_dim=8, **EXPERTS
    ),
    "gpt_oss": lambda: of(tf.GptOssConfig, num_local_experts=4, num_experts_per_tok=2, head_dim=8, sliding_window=4),
    "gemma3n": lambda: of(
        tf.Gemma3nTextConfig,
        layer_types=alternating("sliding_attention", "full_attention"),
        sliding_window=4,
        head_dim=8,
        hidden_size_per_layer_input=8,
        vocab_size_per_layer_input=64,
        num_kv_shared_layers=2,
        activation_sparsity_pattern=[0.0] * LAYERS,
        intermediate_size=[24] * LAYERS,
        laurel_rank=4,
        altup_num_inputs=2,
    ),
}

FAMILIES = TIED | MIXED
