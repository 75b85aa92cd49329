"""Every kind of mistake in a recipe, in references and between models: its code, its place, its exit code.

recipe_codes.py STOCKPOT
"""

import json
import re
import shutil
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import ml_dtypes
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.adapters import Adapter  # noqa: E402
from support.checkpoints import write_model  # noqa: E402
from support.placement import Model  # noqa: E402
from support.program import Program  # noqa: E402

RECIPE, INPUT, NUMERIC = 3, 4, 5
EMBEDDING, HEAD = "model.embed_tokens.weight", "lm_head.weight"


@dataclass
class Case:
    """`says` are parts of stderr ("!..." is none); `code` is the exit code, 0 for warnings. `text` is the recipe."""

    says: list
    code: int
    text: str
    options: tuple = ()
    command: str = "check"


def tensors(random, rows=8, hidden=4, layers=6):
    shapes = {EMBEDDING: (rows, hidden), HEAD: (rows, hidden), "model.norm.weight": (hidden,)}
    shapes |= {f"model.layers.{n}.{p}.weight": (hidden, hidden) for n in range(layers) for p in ("attn", "mlp")}
    return {name: random.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}


def tokenizer(tokens, kind="BPE", added=()):
    vocabulary = {token: i for i, token in enumerate(tokens)}
    model = {"type": kind, "vocab": vocabulary}
    model |= {"merges": []} if kind == "BPE" else {"unk_token": tokens[0]}
    entries = [
        {
            "id": len(tokens) + i,
            "content": content,
            "single_word": False,
            "lstrip": lstrip,
            "rstrip": False,
            "normalized": False,
            "special": True,
        }
        for i, (content, lstrip) in enumerate(added)
    ]
    return json.dumps({"version": "1.0", "added_tokens": entries, "model": model})


class Models:
    def __init__(self, folder):
        self.folder, self.random = folder, np.random.default_rng(3)
        config = {
            "architectures": ["LlamaForCausalLM"],
            "num_hidden_layers": 6,
            "vocab_size": 8,
            "tie_word_embeddings": False,
        }
        self.config = config
        self.write("a", tensors(self.random), tokenizer("abcdefgh"))
        self.write("b", tensors(self.random), tokenizer("abcdefgh"))
        self.write("wide", tensors(self.random, hidden=6), tokenizer("abcdefgh"))
        self.write("long", tensors(self.random, rows=10), tokenizer("abcdefghij"), vocab_size=10)
        ending = self.write("ending", tensors(self.random, rows=10), tokenizer("abcdefghij"), vocab_size=10, eos_token_id=9)
        (ending / "generation_config.json").write_text('{"eos_token_id": [1, 9], "pad_token_id": 9, "bos_token_id": null}')
        self.write("deep", tensors(self.random, layers=7), tokenizer("abcdefgh"), num_hidden_layers=7)
        self.write("other", tensors(self.random), architectures=["MistralForCausalLM"])
        self.write("odd", tensors(self.random), architectures=[])
        self.write("bare", tensors(self.random))
        self.write("foreign", tensors(self.random), tokenizer("stuvwxyz"))
        self.write("stripped", tensors(self.random, rows=6), tokenizer("abcdefgh"), vocab_size=6)
        self.write("words", tensors(self.random, rows=6), tokenizer("abcdefgh", "WordLevel"), vocab_size=6)
        self.write("roomy", tensors(self.random), tokenizer("abcdefgh"), vocab_size=6)
        self.write("stranger", tensors(self.random), tokenizer("abcdefgh"), architectures=["MistralForCausalLM"])
        alone = self.folder / "alone"
        alone.mkdir()
        (alone / "tokenizer.json").write_text(tokenizer("abcdefgh"))
        self.write("added", tensors(self.random, rows=9), tokenizer("abcdefgh", added=[("<x>", False)]), vocab_size=9)
        self.write("flags", tensors(self.random, rows=9), tokenizer("abcdefgh", added=[("<x>", True)]), vocab_size=9)
        piece = self.write("piece", tensors(self.random))
        (piece / "tokenizer.model").write_bytes(b"?")
        few = tensors(self.random)
        self.write("lacking", {name: t for name, t in few.items() if name != "model.norm.weight"})
        self.write("few", {name: t for name, t in few.items() if ".mlp." not in name})
        dense = {f"model.layers.0.mlp.{m}_proj.weight": np.ones((4, 4), np.float32) for m in ("gate", "up", "down")}
        dense["model.embed_tokens.weight"] = np.eye(8, 4, dtype=np.float32)
        self.write("dense", dense, tokenizer("abcdefgh"), num_hidden_layers=1, model_type="llama")
        self.write("integers", tensors(self.random) | {"model.norm.weight": np.arange(4)})
        self.write("buffer", tensors(self.random) | {"steps": np.arange(4)})
        self.write("later", tensors(self.random) | {"steps": np.arange(1, 5)})
        self.write("nan", tensors(self.random) | {"model.norm.weight": np.full(4, np.nan, np.float32)})
        self.write("silent", tensors(self.random), tokenizer(["", *"bcdefgh"]))
        self.write("doubled", tensors(self.random), tokenizer("abcdefgh").replace('"c": 2', '"c": 1'))
        self.write("unspoken", tensors(self.random), tokenizer("abcdefgh"), bos_token_id=99)
        self.write("mute", tensors(self.random), num_hidden_layers=None)
        roots = {name.replace("model.", "", 1): tensor for name, tensor in tensors(self.random).items()}
        self.write("prefixed", roots)
        self.quantised()
        tied = tensors(self.random)
        self.write("tied", {name: t for name, t in tied.items() if name != HEAD}, tie_word_embeddings=True)
        self.write(
            "deep-list",
            tensors(self.random),
            layer_types=list("uvwxyz"),
            strange=list(range(6)),
            global_attn_every_n_layers=2,
        )
        self.write("dense-first", tensors(self.random), first_k_dense_replace=1)
        twin = {f"{side}.layers.{n}.w": np.ones((4, 4), np.float32) for side in ("up", "down") for n in range(2)}
        self.write("twin", twin, architectures=["TwinModel"], num_hidden_layers=2)
        broken = self.write("broken", tensors(self.random), shards=2)
        next(broken.glob("*-00002-*")).unlink()
        self.adapters()
        self.cache()

    def write(self, name, made, tokens=None, shards=1, **config):
        path = write_model(self.folder / name, Model(made, self.config | config), shards=shards)
        if tokens:
            (path / "tokenizer.json").write_text(tokens)
        return path

    def quantised(self):
        name = "model.layers.0.mlp.weight"
        codes = {name: np.ones((4, 4), ml_dtypes.float8_e4m3fn)}
        scales = f"{name}_scale_inv"
        self.write("float8", tensors(self.random) | codes | {scales: np.ones((1, 1), np.float32)})
        self.write("misscaled", tensors(self.random) | codes | {scales: np.ones((1, 3), np.float32)})
        self.write("unscaled", tensors(self.random) | codes, quantization_config={"quant_method": "fp8"})
        words = {name.replace("weight", "qweight"): np.ones((4, 4), np.int32)}
        self.write("gptq", tensors(self.random) | words)

    def adapters(self):
        def adapter(name, path="model.layers.0.mlp", shape=(4, 4), **settings):
            made = Adapter(r=2, **settings)
            made.add_linear(self.random, path, shape, np.float32)
            made.write(self.folder / name)
            return made

        adapter("lora", base_model_name_or_path="org/elsewhere")
        adapter("loha", peft_type="LOHA")
        adapter("lost", path="model.layers.9.mlp")
        adapter("misshapen", shape=(5, 4))
        extra = adapter("extra")
        extra.tensors["model.layers.0.mlp.lora_magnitude_vector.weight"] = np.zeros(4, np.float32)
        shutil.rmtree(self.folder / "extra")
        extra.write(self.folder / "extra")

    def cache(self):
        snapshot = self.folder / "cache" / "models--org--one" / "snapshots" / ("0" * 40)
        shutil.copytree(self.folder / "a", snapshot)
        bare = self.folder / "cache" / "models--org--bare" / "snapshots" / ("2" * 40)
        bare.mkdir(parents=True)
        shutil.copy(self.folder / "a" / "model.safetensors", bare)
        outside = self.folder / "cache" / "models--org--link" / "snapshots" / ("1" * 40)
        outside.mkdir(parents=True)
        (outside / "model.safetensors").symlink_to(self.folder / "a" / "model.safetensors")


def linear(*models, more=""):
    lines = "".join(f"  - {{model: {m}, parameters: {{weight: 1}}}}\n" for m in models)
    return f"merge_method: linear\nmodels:\n{lines}{more}"


def task(*models, base="a", more=""):
    return linear(*models, more=f"base_model: {base}\n{more}").replace("linear", "task_arithmetic", 1)


def sliced(sources, more="", method="linear"):
    return f"merge_method: {method}\nslices:\n  - sources: [{sources}]\nparameters: {{weight: 1}}\n{more}"


def union(*models, more="", base="a", source="union"):
    return task(*models, base=base, more=f"tokenizer:\n  source: {source}\n{more}")


def at(line, column, code, severity="error"):
    return f"r.yml:{line}:{column}: {severity}[{code}]"


def warned(line, column, code):
    return at(line, column, code, "warning")


def recipe_cases():
    return [
        Case([at(1, 3, "CFG001")], RECIPE, "a:\x01b"),
        Case([at(1, 4, "CFG001"), "0xff", "a: \\xff"], RECIPE, b"a: \xff"),
        Case([at(2, 2, "CFG002")], RECIPE, "a: [1\nb: 2"),
        Case([at(2, 11, "CFG002")], RECIPE, "\nlist: &x [*x]"),
        Case([warned(6, 1, "CFG003")], 0, linear("a", "b", more="dtype: float16\ndtype: float32\n")),
        Case([at(5, 8, "CFG004")], RECIPE, linear("a", "b", more="dtype: !!python/x float32\n")),
        Case([at(1, 1, "CFG005")], RECIPE, "merge_method:\nmodels: [{model: a}]\n"),
        Case([warned(5, 1, "CFG006"), "dtype"], 0, linear("a", "b", more="dtyp: float32\n")),
        Case([at(5, 12, "CFG006")], RECIPE, linear("a", "b", more="stockpot: {seeed: 1}\n")),
        Case(["warning[CFG007]"], 0, linear("a", "b", more="stockpot: {round_inputs: true}\n")),
        Case([at(1, 1, "CFG010"), "merge_method"], RECIPE, "merge_methd: linear\nmodels: [{model: a}]\n"),
        Case([at(1, 15, "CFG011"), "'linear'"], RECIPE, linear("a").replace("linear", "lineer")),
        Case([at(1, 1, "CFG012")], RECIPE, "merge_method: linear\nmodels: []\n"),
        Case([at(3, 1, "CFG012")], RECIPE, "merge_method: linear\nmodels: [{model: a}]\nslices: [{sources: []}]\n"),
        Case(["[CFG013]"], RECIPE, linear("a", "b", more="tokenizer: {source: base}\ntokenizer_source: base\n")),
        Case(["[CFG014]"], RECIPE, "merge_method: linear\nmodules: {default: {parameters: {weight: 1}}}\n"),
        Case([at(2, 9, "CFG020")], RECIPE, "merge_method: linear\nmodels: a\n"),
        Case([at(3, 37, "CFG021")], RECIPE, linear("a", "b").replace("weight: 1", "weight: 1:30", 1)),
        Case([at(3, 37, "CFG022")], RECIPE, linear("a", "b").replace("weight: 1", "weight: .inf", 1)),
        Case(["[CFG030]"], RECIPE, sliced("{model: a, layer_range: [0, x]}")),
        Case(["[CFG031]"], RECIPE, sliced("{model: a, layer_range: [-1, 2]}")),
        Case(["[CFG032]"], RECIPE, sliced("{model: a, layer_range: [2, 1]}")),
        Case(["warning[CFG032]"], 0, sliced("{model: a, layer_range: [0, 0]}")),
        Case(["[CFG033]"], RECIPE, sliced("{model: a, layer_range: [0, 1.5]}")),
        Case([warned(3, 40, "CFG040")], 0, linear("a", "b").replace("weight: 1", "weight: 1, normalize: 1", 1)),
        Case(
            [at(2, 10, "CFG041"), "'a'"],
            RECIPE,
            "merge_method: linear\nmodels: [{model: a}, {model: b, parameters: {weight: 1}}]\n",
        ),
        Case(
            [at(1, 15, "CFG041"), "'t'"],
            RECIPE,
            "merge_method: slerp\nmodels: [{model: a}, {model: b}]\nbase_model: a\n",
        ),
        Case(["[CFG042]"], RECIPE, linear("a", "b", more="parameters: {normalize: [1, {value: 1}]}\n")),
        Case(["[CFG043]"], RECIPE, linear("a", "b", more="parameters: {normalize: []}\n")),
        Case(["[CFG044]"], RECIPE, linear("a", "b", more="parameters: {normalize: {filter: 're:(', value: 1}}\n")),
        Case(["[CFG044]", "back references"], RECIPE, linear("a", "b", more="stockpot: {exclude: ['re:(a)\\1']}\n")),
        Case(
            ["[CFG045]"],
            RECIPE,
            "merge_method: karcher\nmodels: [{model: a}, {model: b}]\nparameters: {max_iter: 1.5}\n",
        ),
        Case(
            ["warning[CFG046]", "did you mean 'mlp'?"],
            0,
            linear("a", "b", more="parameters: {normalize: [{filter: mpl, value: 1}, {value: 1}]}\n"),
        ),
        Case([warned(1, 15, "CFG051"), "density"], 0, task("b", more="parameters: {density: 0.5}\n")),
        Case(["warning[CFG047]", "'normalize'"], 0, linear("a", "b", more="parameters: {normalise: 1}\n")),
        Case([warned(5, 13, "CFG048")], 0, linear("a", "b", more="base_model: deep\n")),
        Case([at(1, 15, "CFG050")], RECIPE, "merge_method: model_stock\nmodels: [{model: b}]\nbase_model: a\n"),
        Case(["[CFG052]"], RECIPE, task("b", more="parameters: {density: -2}\n").replace("task_arithmetic", "ties", 1)),
        Case(["[CFG053]"], RECIPE, linear("a", "b").replace("weight: 1", "weight: -1", 1)),
        Case([at(5, 8, "CFG060"), "bfloat16"], RECIPE, linear("a", "b", more="dtype: bfloat\n")),
    ]


def experts(*models, more="gate_mode: random\n", base="a"):
    listed = ", ".join(f"{{source_model: {m}}}" for m in models)
    return f"base_model: {base}\nexperts: [{listed}]\n{more}"


def expert_cases():
    prompts = "experts: [{source_model: a, positive_prompts: [x]}, {source_model: b, positive_prompts: [y]}]\n"
    same = prompts.replace("[y]", "[x]")
    shared = "shared_experts: [{source_model: a, positive_prompts: [x]}, {source_model: b}]\n"
    even = "gate_mode: uniform_random\n"
    alike = prompts.replace(": a", ": dense").replace(": b", ": dense").replace("[y]", f"[{'a' * 20}b]")
    alike = alike.replace("[x]", "[a]")
    return [
        Case([at(4, 20, "MOE001")], RECIPE, experts("a", "b", more="gate_mode: random\nexperts_per_token: 3\n")),
        Case([at(4, 15, "MOE002"), "'mixtral'"], RECIPE, experts("a", "b") + "architecture: mixtrl\n"),
        Case([at(2, 11, "MOE003")], RECIPE, experts("a", "b", more="gate_mode: cheap_embed\n")),
        Case([at(2, 1, "MOE004")], RECIPE, f"base_model: a\n{same}{even}"),
        Case([at(2, 1, "MOE005"), "--allow-same"], RECIPE, experts("a", "a", more=even)),
        Case([at(2, 1, "MOE008")], RECIPE, experts("a", "a", more=even), ("--allow-same",)),
        Case([at(4, 1, "MOE006")], RECIPE, experts("a", "b") + shared),
        Case([warned(2, 1, "MOE007"), "[MOE008]"], RECIPE, experts("a", "b", "a")),
        Case([at(2, 1, "MOE008")], RECIPE, experts("a", "b")),  # these models have no model_type
        Case([at(2, 1, "MOE009")], RECIPE, experts(*["a", "b"] * 513)),
        Case([at(3, 12, "MOE010"), "byte-pair"], RECIPE, f"base_model: words\n{prompts}gate_mode: cheap_embed\n"),
        Case([at(2, 1, "MOE011")], RECIPE, f"base_model: a\n{prompts}"),
        Case([warned(3, 12, "MOE012")], 0, f"base_model: dense\n{alike}gate_mode: cheap_embed\n", ("--allow-same",)),
        Case(["[REF004]"], INPUT, experts("a", "nobody")),
        Case(["[CFG005]"], RECIPE, "experts: [{source_model: a}]\ngate_mode: random\nexperts_per_token: 1\n"),
    ]


def reference_cases():
    return [
        Case([at(3, 13, "REF001")], RECIPE, linear("a+lora*x", "b")),
        Case([at(3, 13, "REF002")], RECIPE, linear("a@1@2", "b")),
        Case([at(3, 13, "REF003")], RECIPE, linear('"a@"', "b")),
        Case([at(3, 13, "REF004"), "'deep'", at(4, 13, "REF004")], INPUT, linear("deeep", "nowhere")),
        Case([at(3, 13, "REF005")], INPUT, linear("org/one@other", "b"), ("--hf-cache", "cache")),
        Case(["[REF006]", "r.yml:3:13"], INPUT, linear("broken", "b")),
        Case(["[REF006]", "config.json"], INPUT, linear("org/bare", "b"), ("--hf-cache", "cache")),
        Case([at(3, 13, "REF007")], INPUT, linear("org/link", "b"), ("--hf-cache", "cache")),
        Case(["REF010"], 0, linear("a@main", "b")),
        Case(["REF011"], 0, linear("org/one", "b"), ("--hf-cache", "cache")),
        Case([at(3, 13, "REF020")], INPUT, linear("a+b", "b")),
        Case([at(3, 13, "REF021"), "LOHA"], INPUT, linear("a+loha", "b")),
        Case(["[REF022]", "model.layers.9.mlp.weight"], INPUT, linear("a+lost", "b")),
        Case(["[REF023]"], INPUT, linear("a+misshapen", "b")),
        Case(["[REF024]", "lora_magnitude_vector"], INPUT, linear("a+extra", "b")),
        Case(["REF025", "org/elsewhere"], 0, linear("a+lora", "b")),
    ]


def copied_slice():
    """How the documentation has layers of one model lie beside merged ones."""
    merged = "name: merged\nmerge_method: slerp\nbase_model: a\nmodels: [{model: a}, {model: b}]\nparameters: {t: 0.5}\n"
    slices = "".join(f"  - sources: [{{model: {m}, layer_range: {r}}}]\n" for m, r in (("merged", [0, 2]), ("a", [2, 6])))
    return f"{merged}---\nmerge_method: passthrough\nbase_model: a\nslices:\n{slices}"


def structure_cases():
    both = "{model: a, layer_range: [0, 2]}, {model: b, layer_range: [0, 2]}"
    return [
        Case(["[CFG050]", "copied by 'passthrough'"], RECIPE, sliced(both.split(", {")[0], "base_model: a\n", "slerp")),
        Case(["nothing wrong"], 0, copied_slice()),
        Case(["ARC001"], 0, linear("odd", "b")),
        Case(["info[ARC002]", "prefixed"], 0, linear("a", "prefixed")),
        Case(["info[ARC010]", "up.layers"], 0, sliced("{model: twin, layer_range: [0, 1]}"), ("--no-strict",)),
        Case(["info[ARC010]", "up.layers"], 0, sliced("{model: twin, layer_range: [0, 1]}")),
        Case(["error[ARC011]"], RECIPE, sliced("{model: twin, layer_range: [0, 1]}", "stockpot: {strict: true}\n")),
        Case(["error[ARC011]"], RECIPE, sliced("{model: twin, layer_range: [0, 1]}"), ("--strict",)),
        Case(["warning[ARC032]", "layer count = 3"], 0, sliced("{model: mute, layer_range: [0, 3]}")),
        Case(
            ["warning[ARC012]", "down.layers"],
            0,
            "merge_method: linear\nmodules: {up.layers: {models: [{model: twin, parameters: {weight: 1}}]}}\n",
        ),
        Case([at(4, 5, "ARC020")], RECIPE, linear("deep", "b")),
        Case(["[ARC021]", "6 layers"], RECIPE, sliced("{model: a, layer_range: [0, 9]}")),
        Case(
            [at(3, 5, "ARC022"), "{model: deep, layer_range: [0, 2]}"],
            RECIPE,
            sliced(both, "base_model: deep\n", "task_arithmetic"),
        ),
        Case(["[ARC023]"], RECIPE, linear("a", "a")),
        Case(
            ["ARC030", "strange"],
            0,
            "merge_method: passthrough\nslices:\n  - sources: [{model: deep-list, layer_range: [0, 2]}]\n  - sources: [{model: deep-list, layer_range: [1, 2]}]\n",
        ),
        Case(
            ["ARC031", "global_attn_every_n_layers"],
            0,
            "merge_method: passthrough\nslices:\n  - sources: [{model: deep-list, layer_range: [1, 2]}]\n  - sources: [{model: deep-list, layer_range: [0, 1]}]\n",
        ),
        Case(
            ["[ARC031]", "layer 0 of the output comes from layer 1", "first_k_dense_replace"],
            RECIPE,
            "merge_method: passthrough\nslices:\n  - sources: [{model: dense-first, layer_range: [1, 2]}]\n  - sources: [{model: dense-first, layer_range: [0, 1]}]\n",
        ),
        Case(
            [at(2, 11, "ARC040"), "default"],
            RECIPE,
            "merge_method: linear\nmodules: {vision: {models: [{model: a, parameters: {weight: 1}}]}}\n",
        ),
        Case([at(4, 13, "ARC050"), "MistralForCausalLM"], RECIPE, linear("a", "other")),
        Case(["[ARC060]"], RECIPE, linear("a", "b", more="stockpot: {rename: [{from: 'attn|mlp', to: x}]}\n")),
        Case(["[ARC060]"], RECIPE, linear("a", "b", more="stockpot: {rename: [{from: '^lm_head.*', to: ''}]}\n")),
        Case(["[ARC060]"], RECIPE, linear("a", more="stockpot: {rename: [{from: '^lm_head.*', to: __metadata__}]}\n")),
        Case([at(4, 13, "RAW001")], RECIPE, linear("a/model.safetensors", "lacking/model.safetensors"), ("--raw",)),
        Case([at(6, 1, "STG001")], RECIPE, linear("a", "b") + "---\n" + linear("a", "b")),
        Case(["[STG002]"], RECIPE, "name: x\n" + linear("a") + "---\nname: x\n" + linear("b")),
        Case([at(1, 7, "STG003")], RECIPE, "name: ../x\n" + linear("a") + "---\n" + linear("b")),
        Case(["warning[STG004]"], 0, "name: deep\n" + linear("a") + "---\n" + linear("b")),
        Case(["[STG005]", "x", "y"], RECIPE, "name: x\n" + linear("y") + "---\nname: y\n" + linear("x")),
    ]


def rowless_cases():
    """Tokens and ids of an output whose embedding was cut shorter than its vocabulary."""
    says = [warned(1, 15, "TOK013"), "has 8 rows", "config.json names eos_token_id 9", "2 tokens", "'j' (9), 'i' (8)"]
    cut = linear("ending", "a")
    ours = task("a", base="ending")
    stacked = "merge_method: passthrough\nslices:\n  - sources: [{model: a, layer_range: [0, 6]}]\nbase_model: ending\n"
    return [
        *(Case(says, 0, cut, command=command) for command in ("check", "plan", "merge")),
        Case([*says, "generation_config.json names eos_token_id 9, pad_token_id 9"], 0, cut),
        Case(says, 0, ours, ("--unsafe-truncate-embeddings",)),
        Case(says, 0, stacked),
        Case([*says[:3], "!2 tokens"], 0, cut, ("--no-copy-tokenizer",)),
        Case(["--strict", "TOK013"], RECIPE, cut, ("--strict",)),
        Case(["!TOK013"], 0, cut + "tokenizer: {source: base}\n"),
        Case(["warning[TEN006]", "{source: base}", "!TOK013"], 0, task("ending")),  # to the base's shape
    ]


def tensor_cases():
    return [
        Case([warned(4, 13, "TEN001"), "model.norm.weight"], 0, linear("a", "lacking")),
        Case([at(4, 13, "TEN002")], INPUT, task("a", base="lacking")),
        Case([at(4, 13, "TEN003"), "I64"], INPUT, linear("a", "integers")),
        Case([at(4, 13, "TEN004"), "[4, 4]", "[6, 6]"], INPUT, linear("a", "wide")),
        Case(
            ["[TEN004]", "lm_head.weight has 10 rows in 'long'", "model.embed_tokens.weight has 8 in 'a'"],
            INPUT,
            "merge_method: passthrough\nslices:\n  - sources: [{model: a, layer_range: [0, 3]}]\n"
            "  - sources: [{model: long, layer_range: [3, 6]}]\n",
        ),
        Case(["[TEN005]"], INPUT, "merge_method: model_stock\nmodels: [{model: lacking}, {model: b}]\nbase_model: a\n"),
        Case(["warning[TEN006]", EMBEDDING, "{source: union}", "!TOK013"], 0, linear("a", "long")),
        *rowless_cases(),
        Case(["warning[TEN007]"], 0, task("b", "wide", more="stockpot: {on_mismatch: skip}\n"), ("--allow-crimes",)),
        Case([at(1, 15, "TEN008")], RECIPE, linear("a", "few")),
        Case([at(4, 13, "TEN040", "info"), "nothing wrong, 0 warnings"], 0, linear("a", "tied")),
        Case(["[TEN020]", "steps"], 0, linear("buffer", "later"), command="merge"),
        Case(["[TEN030]", "model.norm.weight", "model   nan"], NUMERIC, linear("a", "nan"), command="merge"),
        Case(["nothing wrong"], 0, linear("a", "float8")),
        Case(["[FMT080]", "qweight", "gptq", "GPTQ"], INPUT, linear("a", "gptq")),
        Case(["[FMT080]", "refuse"], INPUT, linear("a", "float8", more="stockpot: {dequantize: refuse}\n")),
        Case(["[FMT081]", "[1, 3]", "[4, 4]", "misscaled"], INPUT, linear("a", "misscaled")),
        Case(["[FMT081]", "no scales", "unscaled"], INPUT, linear("a", "unscaled")),
    ]


def tokenizer_cases():
    return [
        Case(["TOK001", "bare"], 0, union("bare")),
        Case(["[TOK002]"], RECIPE, union("b", base="bare")),
        Case(["[TOK003]"], RECIPE, union("b", base="piece")),
        Case(["[TOK004]"], RECIPE, union("b", base="words")),
        Case(["warning[TOK005]", "without text"], 0, union("silent")),
        Case(["warning[TOK005]", "2 token(s)", "'g'"], 0, union("b", base="stripped")),
        Case(["nothing wrong"], 0, union("b", base="roomy", source="base")),  # padding may hold tokens
        Case(["nothing wrong"], 0, union("b", source="alone")),
        Case(["nothing wrong"], 0, union("b", source="stranger")),
        Case(["[FMT001]"], INPUT, union("alone", source="alone")),
        Case(["[TOK005]", "both have id 1"], INPUT, union("b", base="doubled")),
        Case([at(6, 3, "TOK006")], RECIPE, union("b", more="  pad_to_multiple_of: 1073741824\n")),
        Case(["TOK010"], 0, union("flags", base="added")),
        Case(["warning[TOK012]", "bos_token_id 99"], 0, union("b", base="unspoken", source="b")),
        Case(["TOK011"], 0, union("foreign")),
        Case([at(7, 23, "TOK020")], RECIPE, union("b", more="  pad_to_multiple_of: -1\n")),
        Case(["[TOK030]", "zz"], RECIPE, union("b", more="  tokens: {zz: {source: b}}\n")),
        Case(["[TOK031]"], RECIPE, union("b", more="  tokens: {a: {source: {kind: model_token, model: b}}}\n")),
        Case(
            ["[TOK032]", "zz"],
            RECIPE,
            union("b", more="  tokens: {a: {source: {kind: model_token, model: b, token: zz}}}\n"),
        ),
        Case(
            ["[TOK033]"],
            RECIPE,
            union("b", more="  tokens: {a: {source: {kind: model_token, model: b, token_id: 99}}}\n"),
        ),
        Case(["[TOK034]"], RECIPE, union("b", more="  tokens: {a: {source: deep}}\n")),
        Case(["TOK040"], 0, union("b", more="  tokens: {zz: {}}\n")),
        Case([at(5, 16, "TOK050"), "chatml"], RECIPE, linear("a", "b", more="chat_template: chatlm\n")),
        Case(
            ["TOK051"],
            0,
            linear("bare", "bare", more="chat_template: chatml\n").replace(
                "{model: bare, p", "{model: bare, key: x, p", 1
            ),
        ),
        Case([at(5, 16, "TOK053", "info")], 0, linear("a", "b", more="chat_template: auto\n")),
        Case(["TOK052"], 0, linear("bare", "odd"), ("--allow-crimes",)),
        Case(["TOK052", "--strict"], RECIPE, linear("bare", "lacking"), ("--strict", "--allow-crimes")),
        Case(["nothing wrong"], 0, linear("a", "tied"), ("--strict",)),  # infos are no warnings
    ]


def hostile_cases():
    bomb = "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}, *a{i - 1}]\n" for i in range(1, 40))
    good = linear("a", "b")
    return [
        Case(["[CFG00"], RECIPE, bomb),
        Case(["[CFG001]"], RECIPE, "x: |\n" + "  words and words\n" * 600_000),
        Case([""], RECIPE, "x: " + "[" * 40 + "]" * 40),
        Case(["[CFG002]"], RECIPE, "x: " + "[" * 400 + "]" * 400),
        Case([""], RECIPE, "x: |\n" + "  words and words\n" * 131072),
        Case(["nothing wrong"], 0, "\ufeff" + good),
        Case(["nothing wrong"], 0, good.replace("\n", "\r\n")),
        Case(["[CFG002]"], RECIPE, good + "\tdtype: float32\n"),
        Case(
            ["[CFG001]", "expressions"],
            RECIPE,
            good + "parameters: {normalize: {filter: 're:" + "(a{1,99}){1,99}" * 20 + "', value: 1}}\n",
        ),
        Case(["warning[CFG003]"], 0, good + "dtype: float32\n" * 2000),
        Case(["warning[CFG046]"], 0, good + "parameters: {normalize: [{filter: 're:(.*)*xq', value: 1}, {value: 1}]}\n"),
        Case(["nothing wrong"], 0, good + "stockpot: {rename: [{from: '((.*)*)*xq', to: x}]}\n"),
    ]


def all_at_once():
    wrong = """merge_method: slerp
base_model: a
models: [{model: a}, {model: nowhere}, {model: neither}]
parameters: {tt: 0.5}
dtyp: float32
"""
    misfits = union("wide", more="  tokens: {a: {source: {kind: model_token, model: wide, token_id: 99}}}\n")
    return [
        Case(["CFG050", "CFG047", "CFG006", "'nowhere'", "'neither'"], RECIPE, wrong),
        Case(["TEN004", "CFG047"], INPUT, linear("a", "wide", more="parameters: {normalise: 1}\n"), ("-v",)),
        Case(["CFG041", "TEN004"], RECIPE, linear("a", "wide").replace(", parameters: {weight: 1}", "", 1)),
        Case(["TOK033", "TEN004", "model.norm.weight"], RECIPE, misfits),
        # A document that needs a stage which cannot be made says nothing of its own.
        Case(["REF004", "nowhere", "!'x'"], INPUT, "name: x\n" + linear("nowhere") + "---\n" + linear("x")),
        Case(["TEN004", "!REF004"], INPUT, "name: x\n" + linear("a", "wide") + "---\n" + linear("x")),
    ]


def run(program, folder, number, case):
    place = folder / f"case-{number}"
    place.mkdir()
    (place / "r.yml").write_bytes(case.text if isinstance(case.text, bytes) else case.text.encode())
    options = [o if o != "cache" else folder / "cache" for o in case.options]
    roots = ["--model-root", folder]
    output = [place / "out"] if case.command == "merge" else []
    outcome = program.run(case.command, place / "r.yml", *output, *roots, *options)
    said = outcome.stderr.replace(f"{place}/", "") + outcome.stdout
    assert outcome.code == case.code, f"{case.text[:300]!r}: not exit code {case.code}: {outcome}"
    missing = [part for part in case.says if (part[1:] in said if part.startswith("!") else part not in said)]
    assert not missing, f"{case.text[:300]!r}: does not say {missing}: {said[:2000]}"
    assert case.command == "merge" or outcome.seconds < 5, f"{case.text[:100]!r}: {outcome.seconds} s"
    if case.code and "--raw" not in options and case.command == "check":
        merged = program.run("merge", place / "r.yml", place / "out", *roots, *options)
        assert merged.code == case.code, f"{case.text[:300]!r}: merge ends with {merged.code}: {merged}"
        assert not (place / "out").exists() and not (place / "out.stockpot").exists()


def main(binary):
    program = Program(binary)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        Models(folder)
        groups = [
            recipe_cases,
            expert_cases,
            reference_cases,
            structure_cases,
            tensor_cases,
            tokenizer_cases,
            hostile_cases,
            all_at_once,
        ]
        cases = [case for group in groups for case in group()]
        with ThreadPoolExecutor(3) as pool:
            futures = [pool.submit(run, program, folder, n, case) for n, case in enumerate(cases)]
        failures = [str(future.exception()) for future in futures if future.exception()]
        assert not failures, f"{len(failures)} of {len(cases)} failed:\n" + "\n\n".join(failures)
        codes = {code for case in cases for said in case.says for code in re.findall(r"[A-Z]{3}\d{3}", said)}
        print(f"{len(cases)} recipes, {len(codes)} codes, each at its place")


if __name__ == "__main__":
    main(sys.argv[1])
