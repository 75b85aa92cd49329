"""The recipes that tests/field/run.py tries on each family, and what each has to give."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
import vocabularies
from adapters import KINDS, merged
from architectures import ARCHITECTURES
from expectations import average, average_by_depth, retied, stacked, task_arithmetic
from layouts import LAYOUTS
from loading import load, state_of, tokenizer_of
from unions import extended, remapped, union

BF16_ROUNDING = 2.0**-8
EXACT = 2e-7  # of a tensor's largest element: one rounding to float32, and one of the library's own


@dataclass
class Case:
    title: str
    recipe: dict | list  # a list is one document per stage
    expected: Callable | None = None  # -> name -> tensor
    tolerance: float = EXACT
    options: tuple = ()
    check: Callable | None = None  # of what was loaded


class Family:
    """The models of one architecture under the names that recipes use."""

    def __init__(self, root, name):
        self.name, self.folder, self.architecture = name, Path(root) / name, ARCHITECTURES[name]

    def state(self, model):
        return state_of(self.folder / model, self.name)

    def tokenizer(self, model):
        return tokenizer_of(self.folder / model)

    def has(self, model):
        return (self.folder / model).exists()

    def layers(self, stack=None):
        stack = stack or self.architecture.stack
        return len({n[len(stack) + 1 :].split(".")[0] for n in self.state("base") if n.startswith(stack + ".")})


def weighted(**weights):
    return [{"model": m, "parameters": {"weight": w}} for m, w in weights.items()]


def source(model, start, end, **parameters):
    return {"model": model, "layer_range": [start, end]} | ({"parameters": parameters} if parameters else {})


def whole_models(f):
    base, a, b = f.state("base"), f.state("a"), f.state("b")
    task = {"merge_method": "task_arithmetic", "base_model": "base", "models": weighted(a=0.5, b=0.3)}
    linear = {"merge_method": "linear", "models": weighted(a=0.75, b=0.5)}
    yield Case("linear", linear, lambda: average([a, b], [0.75, 0.5]))
    yield Case("task_arithmetic", task, lambda: task_arithmetic(base, [a, b], [0.5, 0.3]), 1e-6)
    yield Case("passthrough", {"merge_method": "passthrough", "models": [{"model": "a"}]}, lambda: a)
    half = linear | {"out_dtype": "bfloat16"}
    yield Case("linear to bfloat16", half, lambda: average([a, b], [0.75, 0.5]), BF16_ROUNDING, check=stored_bfloat16)
    for method in ("ties", "slerp", "nuslerp", "model_stock", "arcee_fusion"):
        yield Case(method, of_method(method))
    yield Case("modules: default" if not f.architecture.other_stacks else "modules: all", all_modules(f), lambda: a)


def of_method(method):
    recipe = {"merge_method": method, "base_model": "base", "models": weighted(a=0.6, b=0.4), "parameters": {}}
    if method == "ties":
        recipe["parameters"] = {"density": [0.9, 0.4]}
    if method == "slerp":
        recipe["parameters"] = {"t": [{"filter": "attn", "value": [0, 0.5, 1]}, {"value": 0.4}]}
    if method in ("slerp", "arcee_fusion", "model_stock"):
        recipe["models"] = [{"model": "base"}, {"model": "a"}] + ([{"model": "b"}] if method == "model_stock" else [])
    return recipe


def stored_bfloat16(loaded):
    config = loaded.config
    assert (config.get("dtype") or config.get("torch_dtype")) == "bfloat16", config
    model = loaded.architecture.auto.from_pretrained(loaded.directory)
    assert model.dtype == torch.bfloat16, model.dtype


MODULES = {
    "t5": ("encoder", "decoder", "shared"),
    "whisper": ("encoder", "decoder"),
    "llava": ("language_model.model.layers", "vision_tower.encoder.layers", "default"),  # containers and what is loose
}


def all_modules(f):
    names = MODULES.get(f.name, ("default",))
    return {"merge_method": "passthrough", "modules": {name: {"models": [{"model": "a"}]} for name in names}}


def slices(f):
    if f.name in ("t5", "whisper"):
        return
    n, stack = f.layers(), f.architecture.stack
    a, b = f.state("a"), f.state("b")

    def case(title, recipe, *parts):
        def expected():
            return retied(f.architecture, stacked(stack, parts))

        used = [first + k for (_, _, first, end), *_ in parts for k in range(end - first)]
        return Case(f"slices: {title}", recipe, expected, check=kinds_follow(f, used))

    yield case("up-merge", assembled([source("a", 0, n - 1)], [source("b", 1, n)]), [(a, 1, 0, n - 1)], [(b, 1, 1, n)])
    yield case("first two layers", assembled([source("a", 0, 2)]), [(a, 1, 0, 2)])
    mixed = assembled(
        [source("a", 0, 2, weight=3), source("b", n - 2, n, weight=1)], [source("b", 1, n, weight=1)], method="linear"
    )
    yield case("other layers of each", mixed, [(a, 3, 0, 2), (b, 1, n - 2, n)], [(b, 1, 1, n)])
    backwards = range(n)[::-1]
    turned = assembled(*([source("a", k, k + 1)] for k in backwards))
    yield case("layers in reverse", turned, *([(a, 1, k, k + 1)] for k in backwards))


def assembled(*slices, method="passthrough"):
    return {"merge_method": method, "slices": [{"sources": sources} for sources in slices]}


def kinds_follow(f, used):
    """A list in config.json that says a kind for each layer has to follow the layers."""

    def check(loaded):
        before = json.loads((f.folder / "a" / "config.json").read_text()).get("layer_types")
        if before:
            assert loaded.config["layer_types"] == [before[k] for k in used], loaded.config["layer_types"]

    return check


def gradients(f):
    if f.architecture.other_stacks:
        return
    a, b = f.state("a"), f.state("b")
    recipe = {"merge_method": "linear", "models": weighted(a=[0.9, 0.1, 0.3], b=[0.1, 0.9])}
    expected = average_by_depth([a, b], [[0.9, 0.1, 0.3], [0.1, 0.9]], {f.architecture.stack: f.layers()})
    yield Case("gradients of weights", recipe, lambda: expected, 1e-6)


def modules(f):
    base, a, b = f.state("base"), f.state("a"), f.state("b")
    if f.name == "t5":
        yield t5_modules(f, a, b)
    if f.name == "whisper":
        each = {"encoder": {"models": weighted(a=0.8, b=0.2)}, "decoder": {"models": weighted(a=0.3, b=0.7)}}

        def halves():
            first, second = average([a, b], [0.8, 0.2]), average([a, b], [0.3, 0.7])
            return {name: (first if name.startswith("model.encoder") else second)[name] for name in a}

        yield Case("modules: encoder and decoder", {"merge_method": "linear", "modules": each}, halves)
    if f.name == "llava":
        text = {MODULES["llava"][0]: {"models": weighted(a=0.5, b=0.5)}}
        recipe = {"merge_method": "linear", "base_model": "base", "modules": text}
        recipe["stockpot"] = {"unlisted_modules": "copy"}

        def text_only():
            mean = average([a, b], [0.5, 0.5])
            inside = ("model.language_model.", "lm_head.")
            return {name: mean[name] if name.startswith(inside) else base[name] for name in base}

        yield Case("modules: text, the rest copied", recipe, text_only)


def t5_modules(f, a, b):
    n = f.layers("decoder.block")
    recipe = {
        "merge_method": "linear",
        "base_model": "base",
        "modules": {
            "encoder": {"models": weighted(a=1, b=1)},
            "decoder": {
                "slices": [
                    {"sources": [source("a", 0, 2, weight=1), source("b", 0, 2, weight=3)]},
                    {"sources": [source("b", 1, n, weight=1)]},
                ]
            },
            "shared": {"models": weighted(a=1)},
        },
    }

    def expected():
        made = stacked("decoder.block", [[(a, 1, 0, 2), (b, 3, 0, 2)], [(b, 1, 1, n)]])
        encoder = average([a, b], [1, 1])
        made = {name: encoder[name] if name.startswith("encoder.") else value for name, value in made.items()}
        made["shared.weight"] = a["shared.weight"]
        return retied(f.architecture, made)

    return Case("modules: decoder of slices", recipe, expected)


def stages(f):
    base, a, b = f.state("base"), f.state("a"), f.state("b")
    documents = [
        {"name": "half", "merge_method": "linear", "models": weighted(a=1, b=1)},
        {"merge_method": "task_arithmetic", "base_model": "base", "models": weighted(half=0.5, b=0.25)},
    ]
    half = average([a, b], [1, 1])
    yield Case("two stages", documents, lambda: task_arithmetic(base, [half, b], [0.5, 0.25]), 1e-6)


def layouts(f):
    """Inputs of different age: in the order of the anchor's names, with the same numbers."""
    base, a = f.state("base"), f.state("a")
    for layout in LAYOUTS.get(f.name, {}):
        for first, second in (("base", f"a-{layout}"), (f"base-{layout}", "a")):
            recipe = {"merge_method": "linear", "models": weighted(**{first: 1, second: 1})}
            yield Case(f"names of another age: {first} and {second}", recipe, lambda: average([base, a], [1, 1]))


def with_adapters(f):
    kinds = KINDS.get(f.name, {})
    if not kinds:
        return
    base = load(f.architecture, f.folder / "base").model
    a = f.state("a")
    for kind in kinds:
        name = f"lora-{kind}"
        alone = {"merge_method": "passthrough", "models": [{"model": f"base+{name}"}]}
        yield Case(f"adapter: {kind}", alone, lambda name=name: merged(base, f.folder / name), 1e-6)
    first = f"lora-{next(iter(kinds))}"
    beside = {"merge_method": "linear", "models": weighted(**{f"base+{first}": 1, "a": 1})}
    yield Case(
        "adapter beside a model", beside, lambda: average([merged(base, f.folder / first), a], [1, 1]), 1e-6
    )
    half = {"merge_method": "passthrough", "models": [{"model": f"base+{first}*0.5"}]}
    yield Case(
        "adapter by half", half, lambda: average([f.state("base"), merged(base, f.folder / first)], [1, 1]), 1e-6
    )


def of_vocabulary(f, models, tokenizer, vocabulary, **rows):
    """A linear merge over `models` whose embeddings follow `vocabulary`."""
    anchor = next(iter(models))
    known = {m: {t: i for t, i in f.tokenizer(m).get_vocab().items() if i < row_count(f, m)} for m in models}
    recipe = {"merge_method": "linear", "base_model": anchor, "models": weighted(**models), "tokenizer": tokenizer}

    def expected():
        states = [dict(f.state(m)) for m in models]
        for name in f.architecture.vocab_tensors:
            if name not in states[0]:
                continue
            matrices = {m: f.state(m)[name].double() for m in models}
            for state, new in zip(states, remapped(vocabulary, known, matrices, anchor, **rows).values()):
                state[name] = new
        return average(states, list(models.values()))

    def check(loaded):
        assert tokenizer_of(loaded.directory).get_vocab() == vocabulary, "another vocabulary"

    return {"recipe": recipe, "expected": expected, "tolerance": 1e-6, "check": check}


def row_count(f, model):
    return len(f.state(model)[f.architecture.vocab_tensors[0]])


def tokenizers(f):
    def united(*models):
        return union([f.tokenizer(m) for m in models], [row_count(f, m) for m in models])

    pair = {"base": 0.5, "chat": 0.5}
    both = united("base", "chat")
    yield Case("tokenizer: union", **of_vocabulary(f, pair, {"source": "union"}, both))
    base, chat = f.tokenizer("base").get_vocab(), f.tokenizer("chat").get_vocab()
    yield Case("tokenizer: base", **of_vocabulary(f, pair, {"source": "base"}, base))
    yield Case("tokenizer: a model's", **of_vocabulary(f, pair, {"source": "chat"}, chat))
    padded = {"source": "union", "pad_to_multiple_of": 32}
    yield Case("tokenizer: rows in 32s", **of_vocabulary(f, pair, padded, both, multiple=32))
    yield overridden(f, pair, both, chat)
    if f.has("other"):
        three = {"base": 0.5, "chat": 0.3, "other": 0.2}
        yield Case("tokenizer: union of three", **of_vocabulary(f, three, {"source": "union"}, united(*three)))


def overridden(f, pair, vocabulary, chat):
    start, end = vocabularies.CHAT_TOKENS
    tokens = {
        start: {"source": "chat", "force": True},
        "<|tool|>": {"source": {"kind": "model_token", "model": "chat", "token": end}},
        "<|spare|>": {"source": {"kind": "zero"}},
        "<|seventh|>": {"source": {"kind": "model_token", "model": "base", "token_id": 7}},
    }
    rows = {
        start: lambda matrices: matrices["chat"][chat[start]],
        "<|tool|>": lambda matrices: matrices["chat"][chat[end]],
        "<|spare|>": lambda matrices: torch.zeros_like(matrices["base"][0]),
        "<|seventh|>": lambda matrices: matrices["base"][7],
    }
    wanted = extended(dict(vocabulary), tokens)
    made = of_vocabulary(f, pair, {"source": "union", "tokens": tokens}, wanted, overrides=rows, forced={start})
    return Case("tokenizer: rows by hand", **made)


TALK = [
    {"role": "system", "content": "s"},
    {"role": "user", "content": "u"},
    {"role": "assistant", "content": "a"},
    {"role": "user", "content": "v"},
]
RENDERED = {
    "chatml": "<|im_start|>system\ns<|im_end|>\n<|im_start|>user\nu<|im_end|>\n<|im_start|>assistant\na<|im_end|>\n"
    "<|im_start|>user\nv<|im_end|>\n<|im_start|>assistant\n",
    "llama3": "<s><|start_header_id|>system<|end_header_id|>\n\ns<|eot_id|>"
    "<|start_header_id|>user<|end_header_id|>\n\nu<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\na<|eot_id|>"
    "<|start_header_id|>user<|end_header_id|>\n\nv<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
    "mistral": "<s> [INST] s\n\nu [/INST] a</s> [INST] v [/INST]",
    "alpaca": "s\n\n### Instruction:\nu\n\n### Response:\na\n\n### Instruction:\nv\n\n### Response:\n",
    "exaone": "[|system|]s[|endofturn|]\n[|user|]u\n[|assistant|]a[|endofturn|]\n[|user|]v\n[|assistant|]",
}


def chat_templates(f):
    if f.name != "llama":
        return
    plain = {"merge_method": "linear", "models": weighted(base=1, a=1)}
    wanted = dict(RENDERED)
    wanted["{% for m in messages %}{{ m['content'] }};{% endfor %}"] = "s;u;a;v;"
    for template, text in wanted.items():
        yield Case(f"chat_template: {template[:12]}", plain | {"chat_template": template}, check=renders(text))
    recipe = {"merge_method": "linear", "base_model": "base", "models": weighted(base=1, chat=1)}
    recipe |= {"chat_template": "auto", "tokenizer": {"source": "union"}}
    yield Case("chat_template: auto", recipe, check=renders(RENDERED["chatml"]))


def renders(text):
    def check(loaded):
        tokenizer = tokenizer_of(loaded.directory)
        got = tokenizer.apply_chat_template(TALK, tokenize=False, add_generation_prompt=True)
        assert got == text, f"{got!r}, not {text!r}"

    return check


FORMS = (
    whole_models,
    gradients,
    slices,
    modules,
    stages,
    layouts,
    with_adapters,
    tokenizers,
    chat_templates,
)


def cases_of(family):
    for form in FORMS:
        yield from form(family)
