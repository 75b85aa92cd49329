"""Small models of eight architectures that the field's libraries made (tests/data/families), merged in every form of
recipe, against what those libraries said of them when they were made.

    families.py STOCKPOT [TEXT]

With TEXT only checks whose title contains it. The facts come from tests/field/models.py --tiny, which needs torch; this
needs NumPy.
"""

import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support import reference  # noqa: E402
from support.checkpoints import read_file, read_model  # noqa: E402
from support.compare import assert_merged, same_bits  # noqa: E402
from support.placement import Model  # noqa: E402
from support.program import Program  # noqa: E402

DATA = Path(__file__).resolve().parents[1] / "data"
FAMILIES, RECIPES = DATA / "families", DATA / "recipes"
FACTS = json.loads((FAMILIES / "facts.json").read_text())

FLOAT32_STEPS = 4 * 2.0**-24  # of a tensor's largest element: another order of a few operations

# Architecture -> the modules that stay as they are when the stack grows; none where there is one stack to speak of.
GROWING = {
    "llama": (),
    "qwen3_moe": (),
    "gemma2": (),
    "gpt2": (),
    "bert": (),
    "llava": (),
    "t5": ("encoder", "shared"),
    "whisper": ("encoder",),
}
LAYERS_KEY = {"gpt2": "n_layer", "t5": "num_decoder_layers", "whisper": "decoder_layers"}
CONTAINERS = {
    "gpt2": "transformer.h",
    "bert": "bert.encoder.layer",
    "t5": "decoder.block",
    "whisper": "model.decoder.layers",
    "llava": "language_model.model.layers",
}
# Where embedding and head of a taller model are those of two tied models: the head that is written.
UNTIED = {
    "gemma2": ("model.embed_tokens.weight", "lm_head.weight"),
    "gpt2": ("transformer.wte.weight", "lm_head.weight"),
}
OTHER_NAMES = {"qwen3_moe": ["fused"], "llava": ["runtime", "nested"], "gpt2": ["bare"], "bert": ["gamma"]}


def family(name):
    return FAMILIES / name


def tensors_of(name, model):
    return {n: t.astype(np.float64) for n, t in read_model(family(name) / model).tensors.items()}


def weighted(**weights):
    return [{"model": m, "parameters": {"weight": w}} for m, w in weights.items()]


def mean(states, weights):
    return {name: sum(w * s[name] for s, w in zip(states, weights)) / sum(weights) for name in states[0]}


def assert_close(got, want, tolerance=FLOAT32_STEPS):
    missing, extra = sorted(want.keys() - got.keys()), sorted(got.keys() - want.keys())
    assert not missing and not extra, f"missing {missing}, unexpected {extra}"
    for name, value in want.items():
        assert got[name].shape == value.shape, f"{name}: {got[name].shape}, not {value.shape}"
        off = np.abs(got[name].astype(np.float64) - value).max() / max(np.abs(value).max(), 1e-30)
        assert off <= tolerance, f"{name} is off by {off:.2g} of its largest element"


def token_texts(directory):
    """The tokens of a tokenizer.json by id."""
    file = json.loads((directory / "tokenizer.json").read_text())
    vocabulary = file["model"]["vocab"]
    if isinstance(vocabulary, list):
        vocabulary = {token: i for i, (token, _) in enumerate(vocabulary)}
    ids = vocabulary | {added["content"]: added["id"] for added in file["added_tokens"]}
    texts = sorted(ids, key=ids.get)
    assert [ids[text] for text in texts] == list(range(len(texts))), "ids have holes or are shared"
    return texts


class Families:
    def __init__(self, program, folder, chosen):
        self.program, self.folder, self.chosen = program, folder, chosen
        self.failures, self.number = [], 0

    def merge(self, recipe, root, *options):
        """-> the output's directory. `recipe` is a dictionary or a file with one or several documents."""
        self.number += 1
        out = self.folder / f"out-{self.number}"
        if isinstance(recipe, Path):
            options = (*options, "-I", f"{out}.stages", "--out-path", out)
            self.program.must_run("multi", recipe, "--model-root", root, "--quiet", "--threads", 1, *options)
        else:
            self.program.merge(recipe, out, "--model-root", root, *options)
        return out

    def holds(self, title, step):
        if self.chosen not in title:
            return
        try:
            step()
        except AssertionError as failure:
            self.failures.append(f"{title}: {str(failure)[:900]}")
            print(f"{title}: FAILED")
        else:
            print(f"{title}: ok")

    def check_taller(self, name):
        """One layer more: the tensors are those that the library saves of such a model."""
        out = read_model(self.merge(taller_recipe(name), family(name)))
        shapes, wanted = {n: list(t.shape) for n, t in out.tensors.items()}, dict(FACTS[name]["taller"])
        if name in UNTIED:
            embedding, head = UNTIED[name]
            wanted[head] = wanted[embedding]
            for tensor, model in ((embedding, "a"), (head, "base")):
                of_model = read_model(family(name) / model).tensors[embedding]
                assert same_bits(out.tensors[tensor], of_model), f"{tensor} is not the embedding of {model}"
            assert out.config["tie_word_embeddings"] is False, out.config
        differing = sorted(n for n in shapes.keys() | wanted.keys() if shapes.get(n) != wanted.get(n))
        assert not differing, f"other tensors than the library's: {differing}"
        assert layers_of(name, out.config) == layers_of(name) + 1, out.config
        self.check_layers(name, out.tensors)

    def check_layers(self, name, tensors):
        """Layers 0 and 1 are those of `a`; 2 ... are 1 ... of the base, bit for bit."""
        a, base = (read_model(family(name) / m).tensors for m in ("a", "base"))
        container = CONTAINERS.get(name, "model.layers")
        for tensor, value in tensors.items():
            if not tensor.startswith(container + "."):
                continue
            layer, rest = tensor[len(container) + 1 :].split(".", 1)
            model, k = (a, int(layer)) if int(layer) < 2 else (base, int(layer) - 1)
            assert same_bits(value, model[f"{container}.{k}.{rest}"]), f"{tensor} is another layer's"

    def check_names_of_another_age(self, name, layout):
        """Two layouts mix, and the output is in the anchor's."""
        for first, second in (("base", f"a-{layout}"), (f"base-{layout}", "a")):
            recipe = {"merge_method": "linear", "models": weighted(**{first: 1, second: 3}), "out_dtype": "float32"}
            got = read_model(self.merge(recipe, family(name))).tensors
            other = "a" if first == "base" else f"a-{layout}"  # the second model in the layout of the first
            anchor = read_model(family(name) / first).tensors
            want = mean([tensors_of(name, first), tensors_of(name, other)], [1, 3])
            integers = [n for n, t in anchor.items() if t.dtype.kind in "iub"]
            for n in integers:
                assert same_bits(got[n], anchor[n]), f"{n} is a buffer and changed"
            assert_close({n: t for n, t in got.items() if n not in integers}, without(want, integers))

    def check_modules(self):
        """A module has its own weights; what is loose goes with the stack whose names it shares."""
        each = {"encoder": {"models": weighted(a=4, b=1)}, "decoder": {"models": weighted(a=3, b=7)}}
        recipe = {"merge_method": "linear", "base_model": "base", "modules": each, "out_dtype": "float32"}
        got = read_model(self.merge(recipe, family("whisper"))).tensors
        states = [tensors_of("whisper", m) for m in "ab"]
        encoder, decoder = mean(states, [4, 1]), mean(states, [3, 7])
        assert_close(got, {n: (encoder if n.startswith("model.encoder.") else decoder)[n] for n in states[0]})

    def check_one_module(self):
        """Modules that nobody lists are left out, or copied if the recipe says so."""
        text = {"language_model.model.layers": {"models": weighted(a=1, b=1)}}
        recipe = {"merge_method": "linear", "base_model": "base", "modules": text, "out_dtype": "float32"}
        merged = mean([tensors_of("llava", m) for m in "ab"], [1, 1])
        merged = {n: t for n, t in merged.items() if not n.startswith("vision_tower.")}
        assert_close(read_model(self.merge(recipe, family("llava"))).tensors, merged)
        copied = recipe | {"stockpot": {"unlisted_modules": "copy"}}
        whole = tensors_of("llava", "base") | merged
        assert_close(read_model(self.merge(copied, family("llava"))).tensors, whole)

    def check_adapter(self, name, kind):
        """As peft's own merge; what that does not change is the base's bit for bit."""
        recipe = {"merge_method": "passthrough", "models": [{"model": f"base+{kind}"}], "out_dtype": "float32"}
        got = read_model(self.merge(recipe, family(name))).tensors
        base = tensors_of(name, "base")
        changed = read_file(family(name) / "expected" / f"{kind}.safetensors")
        assert_close(got, base | changed)
        for n in base.keys() - changed.keys():
            assert (got[n] == base[n]).all(), f"{n} is not the base's"

    def check_vocabulary(self, name, title):
        """Tokens in their order, and the rows of every tensor that has one per token."""
        fact = FACTS[name]["vocabularies"][title]
        recipe = {"merge_method": "linear", "base_model": "base", "models": weighted(**fact["models"])}
        recipe |= {"tokenizer": fact["tokenizer"], "out_dtype": "float32"}
        out = self.merge(recipe, family(name))
        assert token_texts(out) == fact["tokens"], f"{token_texts(out)}, not {fact['tokens']}"
        want = read_file(family(name) / "expected" / f"{title}.safetensors")
        merged = read_model(out)
        assert_close({n: merged.tensors[n] for n in want}, want)
        rows = {len(t) for t in want.values()}
        config = merged.config.get("text_config", merged.config)
        assert {config["vocab_size"]} == rows, f"vocab_size {config['vocab_size']}, rows {rows}"

    def check_recipe(self, path):
        """A file as people write it. Values by the NumPy reference where it knows the form."""
        documents = [present(d) for d in yaml.safe_load_all(path.read_text()) if d]
        if len(documents) > 1:
            out = read_model(self.merge(path, FAMILIES))
        else:
            out = read_model(self.merge(path.read_text(), FAMILIES))
        for name, tensor in out.tensors.items():
            assert np.isfinite(tensor.astype(np.float32)).all(), f"{name} is not finite"
        if any(key in d for d in documents for key in ("tokenizer", "tokenizer_source", "modules", "common")):
            return
        models = {}
        for document in documents:
            for model in models_of(document) - models.keys():
                models[model] = read_model(FAMILIES / model)
            merged = reference.merge(document, models)
            donor = models[document.get("base_model", min(models_of(document)))]
            models[document.get("name")] = Model({n: m.stored for n, m in merged.items()}, donor.config)
        assert_merged(out.tensors, merged, path.name)

    def run(self):
        for name in GROWING:
            self.holds(f"{name}: a layer more", lambda: self.check_taller(name))
            for layout in OTHER_NAMES.get(name, ()):
                self.holds(f"{name}: {layout} names", lambda: self.check_names_of_another_age(name, layout))
            for kind in sorted(p.name for p in family(name).glob("lora-*")):
                self.holds(f"{name}: {kind}", lambda: self.check_adapter(name, kind))
            for title in FACTS[name]["vocabularies"]:
                self.holds(f"{name}: vocabulary: {title}", lambda: self.check_vocabulary(name, title))
        self.holds("whisper: modules", self.check_modules)
        self.holds("llava: one module", self.check_one_module)
        for path in sorted(RECIPES.glob("*.yml")):
            self.holds(f"recipe: {path.name}", lambda: self.check_recipe(path))
        assert not self.failures, "\n".join([f"{len(self.failures)} failures", *self.failures])


def layers_of(name, config=None):
    config = config or read_model(family(name) / "base").config
    return config.get("text_config", config)[LAYERS_KEY.get(name, "num_hidden_layers")]


def taller_recipe(name):
    """Two layers of `a` below all but the first of the base; in models of two stacks in the decoder."""
    sources = [("a", 0, 2), ("base", 1, layers_of(name))]
    up = {"slices": [{"sources": [{"model": m, "layer_range": [start, end]}]} for m, start, end in sources]}
    recipe = {"merge_method": "passthrough", "base_model": "base"}
    if not GROWING[name]:
        return recipe | up
    others = {module: {"models": [{"model": "base"}]} for module in GROWING[name]}
    return recipe | {"modules": others | {"decoder": up}}


def present(document):
    """A key without a value is as good as absent."""
    return {key: value for key, value in document.items() if value is not None}


def without(tensors, names):
    return {n: t for n, t in tensors.items() if n not in names}


def models_of(document):
    """References of a document without modules."""
    entries = document.get("models") or [s for piece in document["slices"] for s in piece["sources"]]
    return {entry["model"] for entry in entries} | ({document["base_model"]} if "base_model" in document else set())


def main(binary, chosen=""):
    with tempfile.TemporaryDirectory() as temporary:
        Families(Program(binary), Path(temporary), chosen).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
