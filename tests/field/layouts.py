"""The same weights under names of another generation: what older releases of the library wrote, what training tools
save (names of the running model), and what is on the hub."""

import re
import shutil

import torch
from safetensors.torch import load_file, save_file


def runtime(model, _):
    """Names of the running model. In mixtures of experts the experts of a layer are one tensor."""
    return dict(model.state_dict())


def nested_vision(_, saved):
    """4.x kept a level that 5.x took out of the vision tower."""
    return {re.sub(r"^vision_tower\.", "vision_tower.vision_model.", name): t for name, t in saved.items()}


def without_prefix(model, saved):
    """As GPT-2 is on the hub: no prefix, and the causal masks as buffers."""
    positions = model.config.n_positions
    mask = torch.tril(torch.ones(positions, positions)).view(1, 1, positions, positions)
    masks = {f"h.{layer}.attn.bias": mask.clone() for layer in range(model.config.n_layer)}
    return {name.removeprefix("transformer."): t for name, t in saved.items()} | masks


def gamma_and_beta(model, saved):
    """As BERT is on the hub: norms by their names in the original, and the positions as a buffer."""
    renamed = {
        name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): t
        for name, t in saved.items()
    }
    positions = torch.arange(model.config.max_position_embeddings).view(1, -1)
    return renamed | {"bert.embeddings.position_ids": positions}


LAYOUTS = {
    "qwen3_moe": {"fused": runtime},
    "mixtral": {"fused": runtime},
    "llava": {"runtime": runtime, "nested": nested_vision},
    "gpt2": {"bare": without_prefix},
    "bert": {"gamma": gamma_and_beta},
}


def save_others(architecture, model, folder, name):
    """Writes FOLDER/<name>-<layout> beside FOLDER/<name>, which save_pretrained wrote."""
    saved = load_file(folder / name / "model.safetensors")
    for layout, rename in LAYOUTS.get(architecture, {}).items():
        directory = folder / f"{name}-{layout}"
        shutil.copytree(folder / name, directory)
        tensors = {key: tensor.contiguous() for key, tensor in rename(model, saved).items()}
        save_file(tensors, directory / "model.safetensors", metadata={"format": "pt"})
