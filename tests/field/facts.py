"""What the field's libraries say of the families in tests/data/families, written down for a test that has none of them.

facts.json
    libraries            their versions
    <architecture>
      taller             name -> shape of everything the library saves of a model with one layer more in the stack
      vocabularies       title -> {"models": weights, "tokenizer": as in a recipe, "tokens": texts by id}
<architecture>/expected/<title>.safetensors
    vocabularies         embeddings, heads and biases of a linear merge with that vocabulary, in float32
    lora-<kind>          the tensors that peft's merge into the float32 base changes
"""

import copy
import json
import tempfile
from pathlib import Path

import peft
import tokenizers
import torch
import transformers
import vocabularies
from adapters import KINDS, merged
from architectures import ARCHITECTURES
from family import Family
from loading import load
from safetensors.torch import load_file, save_file
from unions import extended, remapped, union

LAYERS_KEY = {"t5": "num_decoder_layers", "whisper": "decoder_layers"}  # where it is not that of the primary stack


def taller(family):
    """name -> shape of what save_pretrained writes after the stack grew by a layer."""
    loaded = load(family.architecture, family.folder / "base")
    config = copy.deepcopy(loaded.model.config)
    inner = config.text_config if family.name == "llava" else config
    key = LAYERS_KEY.get(family.name, "num_hidden_layers")
    setattr(inner, key, getattr(inner, key) + 1)
    if getattr(inner, "layer_types", None):
        inner.layer_types = [*inner.layer_types, inner.layer_types[0]]
    with tempfile.TemporaryDirectory() as folder:
        family.architecture.model(config).save_pretrained(folder)
        tensors = load_file(Path(folder) / "model.safetensors")
    return {name: list(tensors[name].shape) for name in sorted(tensors)}


def choices(family):
    """title -> (weights of models, tokenizer key, further arguments of remapped())."""
    pair = {"base": 0.5, "chat": 0.5}
    chat = family.tokenizer("chat").get_vocab()
    start, end = vocabularies.CHAT_TOKENS
    by_hand = {
        start: {"source": "chat", "force": True},
        "<|tool|>": {"source": {"kind": "model_token", "model": "chat", "token": end}},
        "<|spare|>": {"source": {"kind": "zero"}},
    }
    rows = {
        start: lambda matrices: matrices["chat"][chat[start]],
        "<|tool|>": lambda matrices: matrices["chat"][chat[end]],
        "<|spare|>": lambda matrices: torch.zeros_like(matrices["base"][0]),
    }
    made = {
        "union": (pair, {"source": "union"}, {}),
        "padded": (pair, {"source": "union", "pad_to_multiple_of": 16}, {"multiple": 16}),
        "by-hand": (pair, {"source": "union", "tokens": by_hand}, {"overrides": rows, "forced": {start}}),
    }
    if family.has("other"):
        made["union-of-three"] = ({"base": 0.5, "chat": 0.3, "other": 0.2}, {"source": "union"}, {})
    return made


def saved_vocab_tensors(family, model):
    """The tensors with a row per token as they are in the file, which need not have a tied head."""
    running = family.architecture.vocab_tensors
    names = {name.replace("model.language_model.", "language_model.model.") for name in running}
    names |= {f"language_model.{name}" for name in running}
    stored = load_file(family.folder / model / "model.safetensors")
    return {name: stored[name].double() for name in sorted(names & stored.keys())}


def of_vocabulary(family, weights, tokenizer, more):
    """-> (vocabulary, merged tensors)"""
    tensors = {model: saved_vocab_tensors(family, model) for model in weights}
    rows = [len(next(iter(tensors[model].values()))) for model in weights]
    vocabulary = union([family.tokenizer(m) for m in weights], rows)
    extended(vocabulary, tokenizer.get("tokens", {}))
    known = {m: {t: i for t, i in family.tokenizer(m).get_vocab().items() if i < n} for m, n in zip(weights, rows)}
    made = {}
    for name in tensors["base"]:
        matrices = {m: tensors[m][name] for m in weights}
        new = remapped(vocabulary, known, matrices, "base", **more)
        made[name] = sum(w * new[m] for m, w in weights.items()).float().contiguous()
    return vocabulary, made


def write_vocabularies(family, expected):
    made = {}
    for title, (weights, tokenizer, more) in choices(family).items():
        vocabulary, tensors = of_vocabulary(family, weights, tokenizer, more)
        save_file(tensors, expected / f"{title}.safetensors")
        tokens = sorted(vocabulary, key=vocabulary.get)
        assert [vocabulary[token] for token in tokens] == list(range(len(tokens)))
        made[title] = {"models": weights, "tokenizer": tokenizer, "tokens": tokens}
    return made


def write_adapters(family, expected):
    if family.name not in KINDS:
        return
    base = load(family.architecture, family.folder / "base").model
    before = base.state_dict()
    for kind in KINDS[family.name]:
        after = merged(base, family.folder / f"lora-{kind}")
        changed = {n: t.clone() for n, t in after.items() if not torch.equal(t, before[n])}
        save_file(changed, expected / f"lora-{kind}.safetensors")


def to_text(facts):
    """JSON with a line for each thing that a person may look for."""

    def lines(value, depth):
        if depth == 0 or not isinstance(value, dict):
            return json.dumps(value, ensure_ascii=False)
        inner = [f"{' ' * (3 - depth)}{json.dumps(k)}: {lines(v, depth - 1)}" for k, v in value.items()]
        return "{\n" + ",\n".join(inner) + "}"

    return lines(facts, 3) + "\n"


def write(root, names):
    facts = {"libraries": {m.__name__: m.__version__ for m in (transformers, tokenizers, peft)}}
    for name in names:
        family = Family(root, name)
        expected = family.folder / "expected"
        expected.mkdir()
        write_adapters(family, expected)
        facts[name] = {"class": ARCHITECTURES[name].model.__name__, "taller": taller(family)}
        facts[name]["vocabularies"] = write_vocabularies(family, expected)
    (root / "facts.json").write_text(to_text(facts))
