"""A checkpoint as users load it: by the library's Auto classes, nothing missing, nothing left over."""

import functools
import json
from dataclasses import dataclass
from pathlib import Path

import torch
from architectures import ARCHITECTURES, Architecture
from transformers import AutoTokenizer

PROBLEMS = ("missing_keys", "unexpected_keys", "mismatched_keys", "error_msgs", "conversion_errors")


@dataclass
class Loaded:
    architecture: Architecture
    directory: Path
    model: torch.nn.Module
    problems: dict  # what the library says of the keys; empty if all is well

    @property
    def state(self):
        """name -> tensor, in names of the running model, which do not depend on the age of the file."""
        return self.model.state_dict()

    @property
    def config(self):
        return json.loads((self.directory / "config.json").read_text())


def load(architecture, directory, dtype=torch.float32):
    model, report = architecture.auto.from_pretrained(directory, dtype=dtype, output_loading_info=True)
    problems = {kind: report[kind] for kind in PROBLEMS if report.get(kind)}
    return Loaded(architecture, Path(directory), model.eval(), problems)


@functools.cache
def state_of(directory, family):
    """The state_dict of an input, in float32."""
    loaded = load(ARCHITECTURES[family], directory)
    assert not loaded.problems, f"{directory}: {loaded.problems}"
    return loaded.state


@functools.cache
def tokenizer_of(directory):
    return AutoTokenizer.from_pretrained(directory)


def logits(loaded):
    """What the model says to a few tokens; Whisper also hears noise, Llava also sees it."""
    config, name = loaded.model.config, loaded.architecture.name
    tokens = torch.arange(6).view(1, 6) + 5
    inputs = {"input_ids": tokens}
    noise = torch.Generator().manual_seed(1)
    if name == "t5":
        inputs["decoder_input_ids"] = tokens[:, :3]
    elif name == "whisper":
        frames = 2 * config.max_source_positions
        sound = torch.randn(1, config.num_mel_bins, frames, generator=noise)
        inputs = {"input_features": sound, "decoder_input_ids": tokens[:, :3]}
    elif name == "llava":
        patches = (config.vision_config.image_size // config.vision_config.patch_size) ** 2
        image = torch.full((1, patches), config.image_token_index)
        side = config.vision_config.image_size
        inputs = {
            "input_ids": torch.cat([image, tokens], dim=1),
            "pixel_values": torch.randn(1, 3, side, side, generator=noise),
        }
    with torch.no_grad():
        return loaded.model(**inputs).logits
