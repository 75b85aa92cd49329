"""Adapters by peft, one of each kind that it can merge, and what its own merge makes of them."""

import copy
import logging

import torch
from peft import LoraConfig, PeftModel, get_peft_model

TARGETS = {"llama": ["q_proj", "v_proj", "down_proj"], "qwen2": ["q_proj", "o_proj"], "gpt2": ["c_attn", "c_proj"]}

KINDS = {
    "llama": {
        "plain": {},
        "rs": {"use_rslora": True},
        "dora": {"use_dora": True},
        "patterns": {
            "rank_pattern": {"layers.1.self_attn.q_proj": 2, "down_proj": 3},
            "alpha_pattern": {r"layers.[02]\..*v_proj": 16},
        },
        "saved": {"modules_to_save": ["lm_head"]},
        "embedding": {"target_modules": ["embed_tokens", "q_proj"]},
        "one-layer": {"layers_to_transform": [1]},
    },
    "qwen2": {"bias": {"bias": "all"}, "lora-bias": {"lora_bias": True, "target_modules": ["q_proj", "v_proj"]}},
    "gpt2": {
        "plain": {"fan_in_fan_out": True},
        "dora": {"fan_in_fan_out": True, "use_dora": True},
        "bias": {"fan_in_fan_out": True, "bias": "lora_only"},
    },
}


def trained(base, config, seed):
    """A new adapter starts as no change: noise on what is trained stands for training."""
    model = get_peft_model(copy.deepcopy(base), config)
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(0.1 * torch.randn(parameter.shape, generator=random).to(parameter.dtype))
    return model


def save_all(architecture, base, folder):
    logging.getLogger("peft").setLevel(logging.ERROR)
    for seed, (kind, options) in enumerate(KINDS.get(architecture, {}).items()):
        config = LoraConfig(**{"r": 4, "lora_alpha": 6, "target_modules": TARGETS[architecture]} | options)
        directory = folder / f"lora-{kind}"
        trained(base, config, seed).save_pretrained(directory)
        (directory / "README.md").unlink(missing_ok=True)


def merged(base, directory):
    """The state_dict of `base`, a model of the library, after peft merged the adapter into a copy of it."""
    return PeftModel.from_pretrained(copy.deepcopy(base), directory).merge_and_unload().state_dict()
