"""Quantised checkpoints: decoded as NumPy decodes them, whatever the ranks and the memory, and merged as if they had
been stored as those numbers.

quantised.py STOCKPOT
"""

import json
import sys
import tempfile
from pathlib import Path

import h5py
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.adapters import Adapter  # noqa: E402
from support.checkpoints import digests, read_model, write_model  # noqa: E402
from support.placement import Model  # noqa: E402
from support.program import Program, write_recipe  # noqa: E402
from support.quantised import E4M3, E5M2, F32, SCHEMES, block_float8  # noqa: E402
from support.reference import BF16  # noqa: E402

ROWS, COLUMNS, LAYERS = 300, 260, 2  # more than a block of 65,536 elements, and partial blocks of 128 at both edges
LINEAR = "model.layers.{}.mlp.up_proj.weight"
CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "hidden_size": COLUMNS,
    "num_hidden_layers": LAYERS,
    "vocab_size": 64,
    "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
}
LITTLE_MEMORY = ("--memory-per-rank", "12MiB", "--chunk", "64KiB")
QUANTISED = {"quantization_config": {"quant_method": "any"}}
METHODS = {
    "linear": {},
    "task_arithmetic": {},
    "ties": {"density": 0.4},
    "slerp": {"t": 0.3},
    "passthrough": {},
}


def plain(random):
    """What stays in bfloat16 in every model."""
    shapes = {"model.embed_tokens.weight": (64, COLUMNS), "lm_head.weight": (64, COLUMNS)}
    shapes |= {f"model.layers.{n}.input_layernorm.weight": (COLUMNS,) for n in range(LAYERS)}
    return {name: random.standard_normal(shape).astype(F32).astype(BF16) for name, shape in shapes.items()}


def quantised(random, scheme):
    """-> the model as it is stored, and as the numbers that it means."""
    stored, meant = plain(random), {}
    meant |= {name: values.astype(F32) for name, values in stored.items()}
    for n in range(LAYERS):
        tensors, values = scheme(random, LINEAR.format(n), ROWS, COLUMNS)
        stored |= tensors
        name = LINEAR.format(n)
        meant[name if values.ndim == 2 else name.removesuffix(".weight")] = values
    return Model(stored, CONFIG | QUANTISED), Model(meant, CONFIG)


def same_bits(a, b):
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def check_same(title, made, wanted):
    assert made.keys() == wanted.keys(), f"{title}: {sorted(made.keys() ^ wanted.keys())}"
    wrong = [name for name in wanted if not same_bits(made[name], wanted[name])]
    assert not wrong, f"{title}: {wrong[0]} differs: {made[wrong[0]]} instead of {wanted[wrong[0]]}"


def recipe(method, **more):
    models = [{"model": m, "parameters": {"weight": w}} for m, w in (("quantised", 0.25), ("other", 0.5))]
    if method == "passthrough":
        models = models[:1]
    if method == "slerp":
        models = [{"model": "quantised"}, {"model": "other"}]
    made = {"merge_method": method, "models": models, "parameters": METHODS[method]} | more
    base = {"task_arithmetic": "base", "ties": "base", "slerp": "quantised"}.get(method)
    return made | ({"base_model": base} if base else {})


class Place:
    """Models twice, in folders `stored` and `meant`; merges of both have to be equal."""

    def __init__(self, program, folder):
        self.program, self.folder, self.runs = program, folder, 0

    def write(self, root, name, model, shards=1):
        write_model(self.folder / root / name, model, shards=shards)

    def merge(self, root, text, *options, ranks=1):
        self.runs += 1
        out = self.folder / f"out-{self.runs}"
        places = ("--model-root", self.folder / root, "--no-write-model-card")
        self.program.merge(text, out, *places, *options, ranks=ranks)
        return out


def write_all(place, scheme, random):
    stored, meant = quantised(random, scheme)
    place.write("stored", "quantised", stored, shards=3)
    place.write("meant", "quantised", meant)
    for name in ("other", "base"):
        tensors = {n: random.standard_normal(v.shape).astype(F32).astype(BF16) for n, v in meant.tensors.items()}
        place.write("stored", name, Model(tensors, CONFIG))
        place.write("meant", name, Model(tensors, CONFIG))
    return stored, meant


def check_scheme(program, folder, scheme, methods):
    place, title = Place(program, folder), scheme.__name__
    stored, meant = write_all(place, scheme, np.random.default_rng(len(title)))
    exact = read_model(place.merge("stored", recipe("passthrough", out_dtype="float32"))).tensors
    check_same(f"{title}, decoded", exact, meant.tensors)
    usual = place.merge("stored", recipe("passthrough"))
    rounded = {name: values.astype(BF16) for name, values in meant.tensors.items()}
    check_same(f"{title}, in bfloat16", read_model(usual).tensors, rounded)
    config = json.loads((usual / "config.json").read_text())
    assert config == CONFIG, f"{title}: {config}"
    for method in methods:
        wanted = read_model(place.merge("meant", recipe(method, dtype="float32"))).tensors
        outs = [
            place.merge("stored", recipe(method, dtype="float32"), *options, ranks=ranks)
            for ranks, options in ((1, ()), (2, LITTLE_MEMORY), (3, ("--threads", 2)))
        ]
        check_same(f"{title}, {method}", read_model(outs[0]).tensors, wanted)
        assert len({json.dumps(digests(out)) for out in outs}) == 1, f"{title}, {method}: depends on ranks or memory"


def check_float64(program, folder):
    """A float64 model beside a quantised one: its values are the same float32 ones."""
    place = Place(program, folder)
    random = np.random.default_rng(3)
    stored, meant = write_all(place, block_float8, random)
    tensors = {n: random.standard_normal(v.shape) for n, v in meant.tensors.items()}
    for root in ("stored", "meant"):
        place.write(root, "wide", Model(tensors, CONFIG))
    text = recipe("linear", dtype="float64")
    text["models"].append({"model": "wide", "parameters": {"weight": 0.5}})
    made = [read_model(place.merge(root, text)).tensors for root in ("stored", "meant")]
    check_same("float64", *made)


def check_adapters(program, folder):
    """A low-rank change, and one with the norms of whole rows, on top of decoded weights."""
    place = Place(program, folder)
    random = np.random.default_rng(8)
    write_all(place, block_float8, random)
    for root in ("stored", "meant"):
        for name, dora in (("lora", False), ("dora", True)):
            adapter = Adapter(r=4, use_dora=dora)
            adapter.add_linear(np.random.default_rng(9), LINEAR.format(0).removesuffix(".weight"), (ROWS, COLUMNS))
            if dora:
                magnitudes = np.random.default_rng(10).uniform(1, 2, ROWS).astype(F32)
                path = LINEAR.format(0).removesuffix(".weight")
                adapter.tensors[f"{path}.lora_magnitude_vector"] = magnitudes
            adapter.write(place.folder / root / name)
    for name in ("lora", "dora"):
        text = recipe("linear", dtype="float32")
        text["models"][0]["model"] = f"quantised+{name}"
        made = [read_model(place.merge(root, text)).tensors for root in ("stored", "meant")]
        check_same(name, *made)


def check_scales_without_value(program, folder):
    """A scale that is infinite: refused as any infinity, or written and named."""
    place = Place(program, folder)
    stored, _ = write_all(place, block_float8, np.random.default_rng(11))
    scales = f"{LINEAR.format(1)}_scale_inv"
    stored.tensors[scales][1, 1] = np.inf
    place.write("stored", "broken", stored)
    text = recipe("passthrough") | {"models": [{"model": "broken"}]}
    file = write_recipe(text, folder / "r.yaml")
    refused = program.run("merge", file, folder / "out", "--model-root", folder / "stored")
    assert refused.code == 5 and "TEN030" in refused.stderr and LINEAR.format(1) in refused.stderr, refused
    out = place.merge("stored", text, "--nonfinite", "propagate", ranks=3)
    said = [w for w in json.loads((out / "stockpot_run.json").read_text())["warnings"] if "FMT081" in w]
    assert len(said) == 1 and scales in said[0], said


def check_rounded_inputs(program, folder):
    place = Place(program, folder)
    write_all(place, block_float8, np.random.default_rng(12))
    text = recipe("linear", dtype="bfloat16", out_dtype="float32") | {"stockpot": {"round_inputs": True}}
    made = [read_model(place.merge(root, text)).tensors for root in ("stored", "meant")]
    check_same("rounded inputs", *made)


def check_plain_float8(program, folder):
    """float8 without scales in a model that is not quantised: numbers like any others."""
    place = Place(program, folder)
    random = np.random.default_rng(4)
    values = {n: v.astype(F32).astype(E4M3 if "norm" in n else E5M2) for n, v in plain(random).items()}
    place.write("stored", "quantised", Model(values, CONFIG))
    place.write("stored", "other", Model(plain(random), CONFIG))
    kept = read_model(place.merge("stored", recipe("passthrough"))).tensors
    check_same("float8, as it is", kept, values)
    wide = read_model(place.merge("stored", recipe("passthrough", out_dtype="float32"))).tensors
    check_same("float8, widened", wide, {n: v.astype(F32) for n, v in values.items()})


def as_float8(values, kind):
    """Rounded by ml_dtypes, which has no number where Stockpot takes the largest; and how many those are."""
    near = values.astype(F32).astype(kind)
    lost = ~np.isfinite(near.astype(F32))
    largest = np.copysign(F32(448 if kind is E4M3 else 57344), values.astype(F32)).astype(kind)
    return np.where(lost, largest, near), int(lost.sum())


def check_float8_output(program, folder, kind, name):
    place = Place(program, folder)
    random = np.random.default_rng(5)
    tensors = {n: (v.astype(F32) * 40).astype(BF16) for n, v in plain(random).items()}
    large = random.uniform(-1, 1, (300, 300)) * (600 if kind is E4M3 else 80000)
    tensors[LINEAR.format(0)] = large.astype(BF16)
    every = np.arange(1 << 16, dtype=np.uint16).view(BF16).astype(F32)
    finite = every[np.isfinite(every)]
    tensors[LINEAR.format(1)] = finite.astype(BF16)
    place.write("stored", "quantised", Model(tensors, CONFIG))
    outs = [place.merge("stored", recipe("passthrough", out_dtype=name), ranks=ranks) for ranks in (1, 3)]
    assert digests(outs[0]) == digests(outs[1])
    made = {n: as_float8(v, kind) for n, v in tensors.items()}
    check_same(name, read_model(outs[0]).tensors, {n: values for n, (values, _) in made.items()})
    lost = {n: count for n, (_, count) in made.items() if count}
    assert len(lost) == 2, lost
    for out in outs:
        record = json.loads((out / "stockpot_run.json").read_text())
        assert record["saturated_values"] == lost, f"{record['saturated_values']} instead of {lost}"
        assert sum("TEN031" in line for line in record["warnings"]) == 2, record["warnings"]
    assert json.loads((outs[0] / "config.json").read_text())["torch_dtype"] == name
    # Once more: every code that came out goes in and comes out.
    place.write("again", "quantised", read_model(outs[0]))
    again = read_model(place.merge("again", recipe("passthrough", out_dtype=name)))
    check_same(f"{name}, again", again.tensors, read_model(outs[0]).tensors)


EXAMPLE = """
merge_method: task_arithmetic
base_model: base
models:
  - {model: tuned, parameters: {weight: [{filter: "re:experts\\\\.\\\\d+\\\\.", value: 0.3}, {value: 0.6}]}}
out_dtype: bfloat16
stockpot:
  overrides:
    - {filter: "layers:0-2", merge_method: passthrough}
    - {filter: "glob:*.mlp.gate.weight", merge_method: linear, parameters: {weight: 0.5}}
  exclude: ["glob:*.e_score_correction_bias"]
  output: {format: hdf5, metadata: {project: demo}}
  nonfinite: propagate
  memory_per_rank: 64MiB
"""


def mixture(random):
    """A small model in the shape of DeepSeek-V3's files."""
    stored, meant = {}, {}

    def add(name, values):
        stored[name], meant[name] = values, values.astype(F32)

    for name in ("model.embed_tokens.weight", "lm_head.weight"):
        add(name, random.standard_normal((64, 160)).astype(F32).astype(BF16))
    for n in range(5):
        prefix = f"model.layers.{n}.mlp."
        add(f"{prefix}gate.weight", random.standard_normal((4, 160)).astype(F32).astype(BF16))
        add(f"{prefix}gate.e_score_correction_bias", random.standard_normal(4).astype(F32))
        for e in range(4):
            for part, shape in (("gate", (200, 160)), ("up", (200, 160)), ("down", (160, 200))):
                name = f"{prefix}experts.{e}.{part}_proj.weight"
                tensors, values = block_float8(random, name, *shape)
                stored.update(tensors)
                meant[name] = values
    quantisation = {"quant_method": "fp8", "weight_block_size": [128, 128], "fmt": "e4m3"}
    config = {"architectures": ["DeepseekV3ForCausalLM"], "num_hidden_layers": 5, "n_routed_experts": 4}
    return Model(stored, config | {"quantization_config": quantisation, "torch_dtype": "bfloat16"}), meant


def check_example(program, folder):
    place = Place(program, folder)
    random = np.random.default_rng(6)
    base, tuned = mixture(random), mixture(random)
    place.write("stored", "base", base[0], shards=2)
    place.write("stored", "tuned", tuned[0], shards=3)
    out = place.merge("stored", EXAMPLE, ranks=3)
    assert "quantization_config" not in json.loads((out / "config.json").read_text())
    with h5py.File(out / "model.h5") as file:
        made = {name: dataset[...].astype(F32) for name, dataset in file["tensors"].items()}  # of bfloat16, exactly
    assert made.keys() == base[1].keys()
    for name, b in base[1].items():
        t = tuned[1][name]
        weight = F32(0.3) if "experts." in name else F32(0.6)
        wanted = b + (t - b) * weight
        if name.endswith("correction_bias"):
            wanted = b
        elif name.startswith(tuple(f"model.layers.{n}." for n in range(3))):
            wanted = b  # passed through: the base's, as it is one of two
        elif name.endswith("mlp.gate.weight"):
            wanted = t  # linear with one weight, normalised
        assert np.array_equal(made[name], wanted.astype(BF16).astype(F32)), f"{name}: {made[name]}, not {wanted}"


def main(binary):
    program = Program(binary)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for n, scheme in enumerate(SCHEMES):
            methods = list(METHODS) if n == 0 else [list(METHODS)[n % len(METHODS)]]
            check_scheme(program, folder / scheme.__name__, scheme, methods)
        check_float64(program, folder / "float64")
        check_adapters(program, folder / "adapters")
        check_scales_without_value(program, folder / "scales")
        check_rounded_inputs(program, folder / "rounded")
        check_plain_float8(program, folder / "float8")
        for kind, name in ((E4M3, "float8_e4m3fn"), (E5M2, "float8_e5m2")):
            check_float8_output(program, folder / name, kind, name)
        check_example(program, folder / "example")
    print(f"{len(SCHEMES)} schemes, {len(METHODS)} methods, 1, 2 and 3 ranks: equal to what NumPy decodes")


if __name__ == "__main__":
    main(sys.argv[1])
