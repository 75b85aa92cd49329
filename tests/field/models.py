"""Makes a family of small models per architecture: base, fine-tunes, other vocabularies, other generations of names,
adapters.

    models.py FOLDER [--tiny] [ARCHITECTURE ...]

FOLDER/<architecture>/<model>/ as save_pretrained writes it. The models are

    base, a, b      fine-tunes are the base and noise
    chat            a fine-tune with two added tokens, one row for each, and a chat template
    other           the same architecture on a tokenizer that was trained on another text
    base-<layout>   and a-<layout>: the same weights under names of another age (layouts.py)
    lora-<kind>     adapters of the base by peft (adapters.py)

`--tiny` makes what tests/data/families keeps, with the facts that tests/conformance/families.py checks (facts.py).
Weights repeat themselves from run to run; the library's trainers of WordPiece and Unigram do not, so facts and families
are always written together.
"""

import argparse
import copy
import zlib
from pathlib import Path

import adapters
import layouts
import torch
import vocabularies
from architectures import ARCHITECTURES, SMALL, TINY
from transformers.utils import logging

OTHER_VOCABULARY = ("llama", "gemma2", "gpt2")
KEPT = ("llama", "qwen3_moe", "gemma2", "gpt2", "bert", "t5", "whisper", "llava")  # in tests/data/families


def moved(model, scale, seed):
    """Noise on every parameter, the constants that initialisation leaves (norms, biases) included."""
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():  # a tied pair is one parameter
            parameter.add_(scale * torch.randn(parameter.shape, generator=random).to(parameter.dtype))
    return model


def fine_tune(model, seed):
    return moved(copy.deepcopy(model), 0.02, seed)


def save(model, tokenizer, directory):
    model.save_pretrained(directory)
    tokenizer.save_pretrained(directory)


def chat_tune(model, tokenizer, seed):
    tokenizer = copy.deepcopy(tokenizer)
    tokenizer.add_special_tokens({"additional_special_tokens": vocabularies.CHAT_TOKENS})
    tokenizer.chat_template = vocabularies.CHAT_TEMPLATE
    tuned = copy.deepcopy(model)
    rows = max(tuned.get_input_embeddings().weight.shape[0], len(tokenizer))
    torch.manual_seed(seed)
    tuned.resize_token_embeddings(rows, mean_resizing=False)
    return moved(tuned, 0.02, seed), tokenizer


def new_model(architecture, tokenizer, size, seed):
    torch.manual_seed(seed)
    model = architecture.model(architecture.config(size, vocabularies.special_ids(tokenizer)))
    return moved(model.to(size.dtype), 0.05, seed)


def make_family(architecture, size, folder):
    seed = zlib.crc32(architecture.name.encode()) % 10_000
    tokenizer = vocabularies.trained(architecture.tokenizer, "general", size.vocab)
    base = new_model(architecture, tokenizer, size, seed)
    a = fine_tune(base, seed + 1)
    for name, model in {"base": base, "a": a, "b": fine_tune(base, seed + 2)}.items():
        save(model, tokenizer, folder / name)
    save(*chat_tune(base, tokenizer, seed + 3), folder / "chat")
    if architecture.name in OTHER_VOCABULARY:
        other = vocabularies.trained(architecture.tokenizer, "other", size.vocab)
        save(new_model(architecture, other, size, seed + 4), other, folder / "other")
    for name, model in {"base": base, "a": a}.items():
        layouts.save_others(architecture.name, model, folder, name)
    adapters.save_all(architecture.name, base, folder)


def prune(folder):
    """Leaves one of equal tokenizers, to keep the repository small: the base's."""
    base = (folder / "base" / "tokenizer.json").read_bytes()
    for model in folder.iterdir():
        if model.name != "base" and (model / "tokenizer.json").exists():
            if (model / "tokenizer.json").read_bytes() == base:
                (model / "tokenizer.json").unlink()
                (model / "tokenizer_config.json").unlink()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("architectures", nargs="*", metavar="ARCHITECTURE")
    asked = parser.parse_args()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    names = asked.architectures or (KEPT if asked.tiny else ARCHITECTURES)
    for name in names:
        make_family(ARCHITECTURES[name], TINY if asked.tiny else SMALL, asked.folder / name)
        print(name)
    if asked.tiny:
        import facts  # the merges it writes down need everything above

        facts.write(asked.folder, names)
        for name in names:
            prune(asked.folder / name)


if __name__ == "__main__":
    main()
