"""The ten architectures that tests/field makes: how to configure a small one, what loads it, where its layers are."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
import transformers as tf


@dataclass(frozen=True)
class Size:
    hidden: int
    inner: int
    layers: int
    vocab: int  # of the tokenizer that is trained; models have as many rows
    dtype: torch.dtype
    positions: int = 64


SMALL = Size(hidden=16, inner=24, layers=4, vocab=112, dtype=torch.float32)
TINY = Size(hidden=8, inner=12, layers=3, vocab=64, dtype=torch.bfloat16, positions=16)


@dataclass(frozen=True)
class Architecture:
    name: str
    model: type  # the class that is saved, which config.json names
    auto: type  # what users load it with
    config: Callable  # Size, special token ids -> config
    tokenizer: str = "bpe"  # or "unigram", "wordpiece"
    stack: str = "model.layers"  # of the primary module, in names of the library's state_dict
    tied: bool = False
    layers_key: tuple = ("num_hidden_layers",)
    other_stacks: dict = field(default_factory=dict)  # module -> stack
    vocab_tensors: tuple = ("model.embed_tokens.weight", "lm_head.weight")


def decoder(size, ids, **more):
    return {
        "vocab_size": size.vocab,
        "hidden_size": size.hidden,
        "intermediate_size": size.inner,
        "num_hidden_layers": size.layers,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": size.hidden // 2,
        "max_position_embeddings": size.positions,
        "pad_token_id": ids["<pad>"],
        "bos_token_id": ids["<s>"],
        "eos_token_id": ids["</s>"],
    } | more


def experts(size, ids, **more):
    return decoder(size, ids, num_experts_per_tok=2, tie_word_embeddings=False, **more)


def gpt2(size, ids):
    return tf.GPT2Config(
        vocab_size=size.vocab,
        n_embd=size.hidden,
        n_layer=size.layers,
        n_head=2,
        n_inner=size.inner,
        n_positions=size.positions,
        pad_token_id=ids["<pad>"],
        bos_token_id=ids["<s>"],
        eos_token_id=ids["</s>"],
    )


def bert(size, ids):
    return tf.BertConfig(
        vocab_size=size.vocab,
        hidden_size=size.hidden,
        intermediate_size=size.inner,
        num_hidden_layers=size.layers,
        num_attention_heads=2,
        max_position_embeddings=size.positions,
        pad_token_id=ids["<pad>"],
    )


def t5(size, ids):
    return tf.T5Config(
        vocab_size=size.vocab,
        d_model=size.hidden,
        d_kv=size.hidden // 2,
        d_ff=size.inner,
        num_layers=size.layers,
        num_decoder_layers=size.layers + 1,  # two counts that tell the stacks apart
        num_heads=2,
        feed_forward_proj="gated-gelu",
        pad_token_id=ids["<pad>"],
        eos_token_id=ids["</s>"],
        decoder_start_token_id=ids["<pad>"],
    )


def whisper(size, ids):
    return tf.WhisperConfig(
        vocab_size=size.vocab,
        d_model=size.hidden,
        encoder_layers=size.layers,
        decoder_layers=size.layers,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=size.inner,
        decoder_ffn_dim=size.inner,
        num_mel_bins=4,
        max_source_positions=8,
        max_target_positions=size.positions,
        pad_token_id=ids["<pad>"],
        bos_token_id=ids["<s>"],
        eos_token_id=ids["</s>"],
        decoder_start_token_id=ids["<s>"],
        begin_suppress_tokens=None,
    )


def llava(size, ids):
    vision = tf.CLIPVisionConfig(
        hidden_size=size.hidden,
        intermediate_size=size.inner,
        num_hidden_layers=2,  # not that of the text part
        num_attention_heads=2,
        image_size=8,
        patch_size=4,
        projection_dim=size.hidden,
    )
    text = tf.LlamaConfig(**decoder(size, ids))
    image = ids["<image>"]
    return tf.LlavaConfig(vision_config=vision, text_config=text, image_token_index=image, tie_word_embeddings=False)


ARCHITECTURES = {
    made.name: made
    for made in (
        Architecture(
            "llama",
            tf.LlamaForCausalLM,
            tf.AutoModelForCausalLM,
            lambda size, ids: tf.LlamaConfig(**decoder(size, ids), tie_word_embeddings=False),
        ),
        Architecture(
            "qwen2",
            tf.Qwen2ForCausalLM,
            tf.AutoModelForCausalLM,
            lambda size, ids: tf.Qwen2Config(
                **decoder(size, ids, tie_word_embeddings=False, use_sliding_window=True, sliding_window=8),
                max_window_layers=1,
            ),
        ),
        Architecture(
            "qwen3_moe",
            tf.Qwen3MoeForCausalLM,
            tf.AutoModelForCausalLM,
            lambda size, ids: tf.Qwen3MoeConfig(**experts(size, ids, num_experts=4, moe_intermediate_size=size.inner)),
        ),
        Architecture(
            "mixtral",
            tf.MixtralForCausalLM,
            tf.AutoModelForCausalLM,
            lambda size, ids: tf.MixtralConfig(**experts(size, ids, num_local_experts=4)),
        ),
        Architecture(
            "gemma2",
            tf.Gemma2ForCausalLM,
            tf.AutoModelForCausalLM,
            lambda size, ids: tf.Gemma2Config(**decoder(size, ids, query_pre_attn_scalar=8, sliding_window=8)),
            tied=True,
        ),
        Architecture(
            "gpt2",
            tf.GPT2LMHeadModel,
            tf.AutoModelForCausalLM,
            gpt2,
            stack="transformer.h",
            tied=True,
            layers_key=("n_layer",),
            vocab_tensors=("transformer.wte.weight", "lm_head.weight"),
        ),
        Architecture(
            "bert",
            tf.BertForMaskedLM,
            tf.AutoModelForMaskedLM,
            bert,
            tokenizer="wordpiece",
            stack="bert.encoder.layer",
            tied=True,
            vocab_tensors=(
                "bert.embeddings.word_embeddings.weight",
                "cls.predictions.decoder.weight",
                "cls.predictions.bias",
                "cls.predictions.decoder.bias",
            ),
        ),
        Architecture(
            "t5",
            tf.T5ForConditionalGeneration,
            tf.AutoModelForSeq2SeqLM,
            t5,
            tokenizer="unigram",
            stack="encoder.block",
            tied=True,
            layers_key=("num_layers",),
            other_stacks={"decoder": "decoder.block"},
            vocab_tensors=(
                "shared.weight",
                "encoder.embed_tokens.weight",
                "decoder.embed_tokens.weight",
                "lm_head.weight",
            ),
        ),
        Architecture(
            "whisper",
            tf.WhisperForConditionalGeneration,
            tf.AutoModelForSpeechSeq2Seq,
            whisper,
            stack="model.encoder.layers",
            tied=True,
            layers_key=("encoder_layers",),
            other_stacks={"decoder": "model.decoder.layers"},
            vocab_tensors=("model.decoder.embed_tokens.weight", "proj_out.weight"),
        ),
        Architecture(
            "llava",
            tf.LlavaForConditionalGeneration,
            tf.AutoModelForImageTextToText,
            llava,
            stack="model.language_model.layers",
            layers_key=("text_config", "num_hidden_layers"),
            other_stacks={"vision_tower": "model.vision_tower.encoder.layers"},
            vocab_tensors=("model.language_model.embed_tokens.weight", "lm_head.weight"),
        ),
    )
}
