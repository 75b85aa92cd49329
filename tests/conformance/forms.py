"""Outputs that are put together from parts, against NumPy, and the same bytes from any number of ranks and any memory.

forms.py STOCKPOT
"""

import json
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.adapters import Adapter, merged  # noqa: E402
from support.checkpoints import digests, read_model, write_model  # noqa: E402
from support.placement import Model  # noqa: E402
from support.program import Program  # noqa: E402

HIDDEN, WIDE, LAYERS = 96, 700, 4
EMBEDDING, HEAD, NORM = "model.embed_tokens.weight", "lm_head.weight", "model.norm.weight"
PARTS = {"attn.q_proj.weight": (HIDDEN, HIDDEN), "mlp.up_proj.weight": (WIDE, HIDDEN)}
TOKENS = {
    "base": [f"t{i}" for i in range(900)],
    "a": [f"t{i}" for i in range(600)] + [f"a{i}" for i in range(250)],
    "b": [f"a{i}" for i in range(0, 250, 3)] + [f"t{i}" for i in range(899, 100, -1)] + ["b"],
}


def layer(number, part):
    return f"model.layers.{number}.{part}"


def make_model(random, tokens):
    shapes = {EMBEDDING: (len(tokens), HIDDEN), HEAD: (len(tokens), HIDDEN), NORM: (HIDDEN,)}
    shapes |= {layer(n, part): shape for n in range(LAYERS) for part, shape in PARTS.items()}
    tensors = {name: random.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
    config = {
        "architectures": ["LlamaForCausalLM"],
        "num_hidden_layers": LAYERS,
        "vocab_size": len(tokens),
        "tie_word_embeddings": False,
        "layer_types": [f"kind{n}" for n in range(LAYERS)],
    }
    return Model(tensors, config)


def write_tokenizer(directory, tokens):
    vocabulary = {token: i for i, token in enumerate(tokens)}
    model = {"type": "WordLevel", "vocab": vocabulary, "unk_token": tokens[0]}
    (directory / "tokenizer.json").write_text(json.dumps({"version": "1.0", "added_tokens": [], "model": model}))


class Forms:
    def __init__(self, program, folder):
        self.program, self.folder, self.count = program, folder, 0
        random = np.random.default_rng(5)
        self.models = {name: make_model(random, tokens) for name, tokens in TOKENS.items()}
        for name, model in self.models.items():
            write_tokenizer(write_model(folder / name, model, shards=2), TOKENS[name])
        self.adapter = Adapter(r=4, lora_alpha=6, use_dora=True)
        for n in range(LAYERS):
            path = layer(n, "mlp.up_proj")
            self.adapter.add_linear(random, path, (WIDE, HIDDEN), np.float32)
        self.adapter.write(folder / "dora")

    def merge(self, recipe, *options):
        """On one rank; then in other ways, which must give the same bytes."""
        self.count += 1
        out = self.folder / f"out-{self.count}"
        self.program.merge(recipe, out, *options)
        first = digests(out)
        for number, (ranks, more) in enumerate(
            [(3, ["--unit", "64KiB"]), (2, ["-j", "2", "--memory-per-rank", "8MiB"])]
        ):
            again = self.folder / f"out-{self.count}-{number}"
            recipe_again = self.program.merge(recipe, again, *options, *more, ranks=ranks)
            assert recipe_again.code == 0
            differing = [
                name for name, digest in digests(again).items() if first[name] != digest and name != "README.md"
            ]
            assert not differing, f"{ranks} ranks {more}: {differing}"
        return read_model(out)

    def check(self, what, recipe, want, *options):
        got = self.merge(recipe, *options)
        assert set(got.tensors) == set(want), (what, set(got.tensors) ^ set(want))
        for name, values in want.items():
            assert got.tensors[name].shape == values.shape, (what, name)
            assert np.allclose(got.tensors[name], values, rtol=2e-5, atol=2e-5), (what, name)
        print(f"{what}: {len(want)} tensors, the same bytes on 1, 2 and 3 ranks")
        return got.config

    def of(self, model, *names):
        return {name: self.models[model].tensors[name].astype(np.float64) for name in names}


def stacked(forms):
    """Layers of two models end to end, those in the middle damped. The last slice has no layers and gives the head, since
    the second model's vocabulary is another one.
    """
    recipe = {
        "merge_method": "passthrough",
        "slices": [
            {"sources": [{"model": "base", "layer_range": [0, 3]}]},
            {
                "sources": [
                    {
                        "model": "a",
                        "layer_range": [1, 4],
                        "parameters": {"scale": [{"filter": "layers.2.mlp", "value": 0.5}, {"value": 1.0}]},
                    }
                ]
            },
            {"sources": [{"model": "base", "layer_range": [3, 3]}]},
        ],
    }
    want = forms.of("base", EMBEDDING, NORM, HEAD)
    sources = [("base", n) for n in range(3)] + [("a", n) for n in range(1, 4)]
    for number, (model, source) in enumerate(sources):
        for part in PARTS:
            values = forms.of(model, layer(source, part))[layer(source, part)]
            want[layer(number, part)] = values * (0.5 if (model, source, part[:3]) == ("a", 2, "mlp") else 1.0)
    config = forms.check("stacked layers", recipe, want)
    assert config["num_hidden_layers"] == 6
    assert config["layer_types"] == [f"kind{n}" for n in (0, 1, 2, 1, 2, 3)]


def merged_slices(forms):
    """Task vectors between layers of different numbers, with a gradient, an override, a rename and an exclusion."""
    recipe = {
        "merge_method": "task_arithmetic",
        "base_model": "base",
        "slices": [
            {"sources": [{"model": "base", "layer_range": [0, 3]}, {"model": "a+dora*0.5", "layer_range": [1, 4]}]},
        ],
        "parameters": {"weight": [0.0, 1.0]},
        "stockpot": {
            "overrides": [{"filter": "layers:1", "merge_method": "linear", "parameters": {"weight": 1}}],
            "exclude": [HEAD, EMBEDDING],
            "rename": [{"from": r"attn\.q_proj", "to": "attention.query"}],
        },
    }
    a = merged(forms.models["a"].tensors, [(forms.adapter, 0.5)])
    want = forms.of("base", EMBEDDING, HEAD, NORM)  # the weight of what is outside the layers is the first: 0
    for n in range(3):
        for part in PARTS:
            base = forms.of("base", layer(n, part))[layer(n, part)]
            other = a[layer(n + 1, part)]
            value = (base + other) / 2 if n == 1 else base + n / 2 * (other - base)
            want[layer(n, part.replace("attn.q_proj", "attention.query"))] = value
    forms.check("merged slices", recipe, want)


def rows_of(forms, model, name, vocabulary, order):
    """A model's rows by output token: its own, else the base's, else of the others in order, else zeros."""
    rows = []
    for token in vocabulary:
        for source in [model, "base", *order]:
            if token in TOKENS[source]:
                rows.append(forms.models[source].tensors[name][TOKENS[source].index(token)].astype(np.float64))
                break
    return np.array(rows)


def union(forms):
    """A union of three vocabularies, padded: rows follow their tokens, padding is the mean of all rows."""
    vocabulary = list(TOKENS["base"])
    for model in ("a", "b"):
        vocabulary += [token for token in TOKENS[model] if token not in vocabulary]
    padded = -(-len(vocabulary) // 64) * 64
    weights = {"a": 0.75, "b": -0.5}
    recipe = {
        "merge_method": "task_arithmetic",
        "base_model": "base",
        "models": [{"model": model, "parameters": {"weight": weight}} for model, weight in weights.items()],
        "tokenizer": {"source": "union", "pad_to_multiple_of": 64},
    }

    def matrix(model, name):
        # A token that two models have and the base lacks has the mean of their rows wherever it is missing.
        rows = rows_of(forms, model, name, vocabulary, ["a", "b"])
        if model == "base":
            for i, token in enumerate(vocabulary):
                holders = [m for m in ("a", "b") if token in TOKENS[m]]
                if token not in TOKENS["base"] and len(holders) == 2:
                    found = [forms.models[m].tensors[name][TOKENS[m].index(token)].astype(np.float64) for m in holders]
                    rows[i] = np.mean(found, axis=0)
        padding = np.repeat(rows.mean(axis=0, keepdims=True), padded - len(vocabulary), axis=0)
        return np.concatenate([rows, padding])

    want = {}
    for name, base in forms.models["base"].tensors.items():
        if name in (EMBEDDING, HEAD):
            base, others = matrix("base", name), {m: matrix(m, name) for m in weights}
        else:
            base, others = base.astype(np.float64), {m: forms.of(m, name)[name] for m in weights}
        want[name] = base + sum(weight * (others[m] - base) for m, weight in weights.items())
    config = forms.check("union of vocabularies", recipe, want)
    assert config["vocab_size"] == padded
    # Statistics of the whole model, over rows that no file holds: the same bytes are asked for, no more.
    whole = recipe | {"merge_method": "ties", "parameters": {"density": 0.3, "scope": "model"}}
    forms.merge(whole | {"dtype": "bfloat16"})
    print("ties over the whole model and a union: the same bytes on 1, 2 and 3 ranks")


def main(binary):
    with tempfile.TemporaryDirectory() as temporary:
        forms = Forms(Program(binary), Path(temporary))
        stacked(forms)
        merged_slices(forms)
        union(forms)


if __name__ == "__main__":
    main(sys.argv[1])
