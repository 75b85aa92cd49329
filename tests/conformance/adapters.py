"""LoRA adapters in model references: what `base+adapter*WEIGHT` is, against the formulas in NumPy.

    adapters.py STOCKPOT

Every kind of tensor that the peft library writes, bases of several types, several adapters, any cut into units.
"""

import json
import shutil
import sys
import tempfile
from pathlib import Path

import ml_dtypes
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.adapters import Adapter, merged  # noqa: E402
from support.checkpoints import digests, read_model, write_model  # noqa: E402
from support.placement import Model  # noqa: E402
from support.program import Program, write_recipe  # noqa: E402

BF16 = ml_dtypes.bfloat16
LAYER = "model.layers.{}."
SHAPES = {
    "self_attn.q_proj.weight": ((130, 96), BF16),
    "self_attn.q_proj.bias": ((130,), BF16),
    "self_attn.k_proj.weight": ((33, 96), np.float16),
    "self_attn.o_proj.weight": ((96, 96), np.float32),
    "mlp.c_fc.weight": ((96, 700), BF16),  # [in, out], as Conv1D stores it
    "mlp.up_proj.weight": ((701, 96), np.float32),  # more than one block
    "mlp.gate.weight": ((40, 24), np.float64),
    "conv.weight": ((20, 12, 1, 1), np.float32),
    "input_layernorm.weight": ((96,), np.float32),
}
LOOSE = {
    "model.embed_tokens.weight": ((900, 96), BF16),
    "lm_head.weight": ((900, 96), BF16),
    "model.norm.weight": ((96,), BF16),
}
CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "num_hidden_layers": 2,
    "hidden_size": 96,
    "vocab_size": 900,
    "tie_word_embeddings": False,
}


def base_model(random):
    shapes = {LAYER.format(i) + name: what for i in range(2) for name, what in SHAPES.items()} | LOOSE
    return Model({name: random.standard_normal(s).astype(d) for name, (s, d) in shapes.items()}, dict(CONFIG))


def targeting(random, model, adapter, kinds, dtype=np.float32):
    for name, tensor in model.tensors.items():
        path = name.removesuffix(".weight")
        if path == name or not any(path.endswith(kind) for kind in kinds):
            continue
        if path.endswith("embed_tokens"):
            adapter.add_embedding(random, path, tensor.shape, dtype)
        else:
            adapter.add_linear(random, path, tensor.shape, dtype, transposed=path.endswith("c_fc"))
    return adapter


LINEAR = ["q_proj", "k_proj", "o_proj", "c_fc", "up_proj", "gate", "conv"]


def adapters(random, model):
    made = {
        "plain": targeting(random, model, Adapter(r=8, lora_alpha=12), LINEAR),
        "half": targeting(random, model, Adapter(r=3, lora_alpha=1), LINEAR, BF16),
        "stabilised": targeting(random, model, Adapter(r=5, lora_alpha=7, use_rslora=True), LINEAR, np.float16),
        "patterns": targeting(
            random,
            model,
            Adapter(
                r=4,
                lora_alpha=8,
                rank_pattern={r"layers\.1\..*_proj": 2, "q_proj": 6, "^model.layers.0.mlp.up_proj": 3},
                alpha_pattern={"o_proj": 1, r"layers\.[0-9]\.mlp.*": 5},
            ),
            LINEAR,
        ),
        "magnitudes": targeting(random, model, Adapter(r=4, lora_alpha=8, use_dora=True), [*LINEAR, "embed_tokens"]),
        "embeddings": targeting(random, model, Adapter(r=4, lora_alpha=8), ["embed_tokens", "lm_head", "q_proj"]),
        "turned": targeting(random, model, Adapter(r=4, lora_alpha=8, fan_in_fan_out=True), ["c_fc", "o_proj"]),
    }
    biases = made["biases"] = targeting(random, model, Adapter(r=4, bias="all", lora_bias=True), ["q_proj"])
    saved = made["saved"] = targeting(random, model, Adapter(r=4, modules_to_save=["lm_head"]), ["k_proj"])
    for i in range(2):
        shape = SHAPES["self_attn.q_proj.bias"][0]
        name = LAYER.format(i) + "self_attn.q_proj"
        if i == 0:
            biases.tensors[f"{name}.lora_B.bias"] = random.standard_normal(shape).astype(np.float32)
        else:
            biases.tensors[f"{name}.base_layer.bias"] = random.standard_normal(shape).astype(np.float32)
    saved.tensors["lm_head.weight"] = random.standard_normal((900, 96)).astype(np.float32)
    saved.tensors["model.norm.weight"] = random.standard_normal(96).astype(BF16)
    return made


CASES = [  # [(adapter, weight)]
    [("plain", 1)],
    [("half", 0.5)],
    [("stabilised", -1.25)],
    [("patterns", 1)],
    [("magnitudes", 1)],
    [("magnitudes", 0.5)],
    [("embeddings", 1)],
    [("turned", 0.75)],
    [("biases", 1)],
    [("biases", 0.5)],
    [("saved", 1)],
    [("saved", 0.25)],
    [("plain", 0.5), ("half", 2), ("magnitudes", 1)],
    [("saved", 1), ("embeddings", -0.5), ("biases", 1)],
]


def reference_of(case):
    return "base" + "".join(f"+{name}" + (f"*{weight}" if weight != 1 else "") for name, weight in case)


def assert_close(name, got, want, dora):
    got, wide = got.astype(np.float64), want.astype(np.float64)
    if not dora:
        assert np.array_equal(got, wide), f"{name}: {np.count_nonzero(got != wide)} elements differ"
        return
    unit = np.finfo(want.dtype).eps
    assert np.allclose(got, wide, rtol=8 * unit, atol=8 * unit), f"{name}: off by {np.abs(got - wide).max()}"


def check_cases(program, folder, model, made):
    for case in CASES:
        text = reference_of(case)
        out = folder / f"out-{CASES.index(case)}"
        recipe = {"merge_method": "passthrough", "models": [{"model": text}], "dtype": "float32"}
        options = ["--model-root", folder / "models"]
        program.merge(recipe, out, *options)
        want = merged(model.tensors, [(made[name], weight) for name, weight in case])
        got = read_model(out).tensors
        assert sorted(got) == sorted(want), text
        dora = any(name == "magnitudes" for name, _ in case)
        for name, values in want.items():
            assert_close(f"{text}: {name}", got[name], values.astype(np.float32), dora)
        other = folder / f"other-{CASES.index(case)}"
        program.merge(recipe, other, *options, "--unit", "64KiB", "--chunk", "64KiB", ranks=3)
        assert {k: v for k, v in digests(out).items() if k != "README.md"} == {
            k: v for k, v in digests(other).items() if k != "README.md"
        }, f"{text}: other units and ranks give other bytes"
        print(f"{text}: {len(got)} tensors")


def check_merges(program, folder, model, made):
    """Adapters take part in merges like models; the base without them is another model."""
    recipe = {
        "merge_method": "task_arithmetic",
        "base_model": "base",
        "models": [
            {"model": "base+plain", "parameters": {"weight": 0.5}},
            {"model": "base+half*0.5", "parameters": {"weight": 1.5}},
        ],
        "dtype": "float32",
    }
    out = folder / "task"
    program.merge(recipe, out, "--model-root", folder / "models")
    got = read_model(out).tensors
    one, two = merged(model.tensors, [(made["plain"], 1)]), merged(model.tensors, [(made["half"], 0.5)])
    for name, stored in model.tensors.items():
        base = stored.astype(np.float64)
        want = base + 0.5 * (one[name] - base) + 1.5 * (two[name] - base)
        assert np.allclose(got[name], want, rtol=1e-5, atol=1e-5), name
    print("task_arithmetic over two adapters of one base")


def as_bfloat16(values):
    """Rounded once. ml_dtypes goes by way of float32, which rounds float64 twice: so make that step round to odd."""
    single = values.astype(np.float32)
    inexact = single.astype(np.float64) != values
    even = single.view(np.uint32) % 2 == 0
    toward = np.nextafter(single, np.where(values > single, np.inf, -np.inf).astype(np.float32))
    return np.where(inexact & even, toward, single).astype(BF16)


def check_precision(program, folder, model, made):
    """Rounded after adding, where the command line says so."""
    out = folder / "rounded"
    recipe = {"merge_method": "passthrough", "models": [{"model": "base+plain"}], "dtype": "float32"}
    program.merge(recipe, out, "--model-root", folder / "models", "--lora-merge-dtype", "bfloat16")
    changed = {f"{path}.weight" for path in made["plain"].modules()}
    want = merged(model.tensors, [(made["plain"], 1)])
    for name, got in read_model(out).tensors.items():
        rounded = as_bfloat16(want[name]) if name in changed else want[name]
        assert np.array_equal(got, rounded.astype(np.float32)), name
    print("--lora-merge-dtype bfloat16")


def check_tied(program, folder, model, made):
    """A tied model that stores its head once more is with an adapter what it is without that copy."""
    embedding = model.tensors["model.embed_tokens.weight"]
    headless = {name: values for name, values in model.tensors.items() if name != "lm_head.weight"}
    config = CONFIG | {"tie_word_embeddings": True}
    write_model(folder / "models" / "tied", Model(headless, config))
    (folder / "models" / "tied" / "tokenizer.json").write_text("{}")
    write_model(folder / "models" / "tied_copy", Model(headless | {"lm_head.weight": embedding}, config))
    for adapter, has_head in (("saved", True), ("embeddings", True), ("plain", False), ("grown", False)):
        if adapter == "grown":
            grown = Adapter(modules_to_save=["embed_tokens"])
            grown.tensors["model.embed_tokens.weight"] = np.ones((901, 96), np.float32)
            grown.write(folder / "models" / "grown")
        outs = [folder / f"{name}-{adapter}" for name in ("tied", "tied_copy")]
        for out in outs:
            recipe = {"merge_method": "passthrough", "models": [{"model": out.name.replace("-", "+")}]}
            program.merge(recipe, out, "--model-root", folder / "models")
        without, with_copy = (read_model(out) for out in outs)
        assert ("lm_head.weight" in without.tensors) == has_head, adapter
        assert without.config["tie_word_embeddings"] == (not has_head), adapter
        assert with_copy.config == without.config, f"{adapter}: {with_copy.config}"
        assert with_copy.tensors.keys() == without.tensors.keys(), adapter
        assert all(np.array_equal(with_copy.tensors[n], v) for n, v in without.tensors.items()), adapter
    print("a tied head that is stored once more")

    silent = {key: value for key, value in CONFIG.items() if key != "tie_word_embeddings"}
    write_model(folder / "models" / "silent", Model(headless, silent))
    for adapter, wanted in (("saved", False), ("embeddings", False), ("plain", None)):
        out = folder / f"silent-{adapter}"
        recipe = {"merge_method": "passthrough", "models": [{"model": f"silent+{adapter}"}]}
        program.merge(recipe, out, "--model-root", folder / "models")
        said = read_model(out).config.get("tie_word_embeddings")
        assert said is wanted, f"{adapter} on a model that does not say whether it ties its head: {said}"
    print("a head that is new is said to be one")


def check_grown(program, folder, model, made):
    """A vocabulary that grew comes with its tokenizer, by whichever of its names an adapter saves the embedding."""
    for place in ("", "modules_to_save.", "base_layer."):
        grown = Adapter(modules_to_save=["embed_tokens"])
        grown.tensors[f"model.embed_tokens.{place}weight"] = np.ones((901, 96), np.float32)
        name = f"grown_{place.strip('.')}"
        tokenizer = grown.write(folder / "models" / name) / "tokenizer.json"
        tokenizer.write_text(json.dumps({"version": "1.0", "model": {"type": "WordLevel", "vocab": {name: 0}}}))
        out = folder / name
        recipe = {"merge_method": "passthrough", "models": [{"model": f"tied+{name}"}]}
        program.merge(recipe, out, "--model-root", folder / "models")
        assert (out / "tokenizer.json").read_text() == tokenizer.read_text(), place
        merged_model = read_model(out)
        assert merged_model.config["vocab_size"] == 901, place
        assert len(merged_model.tensors["model.embed_tokens.weight"]) == 901, place
    print("vocabularies that grew")


def check_stages(program, folder, model, made):
    """What is made of a stage and an adapter is made again when the adapter changes."""
    first = {"name": "mean", "merge_method": "linear", "models": [{"model": "base", "parameters": {"weight": 1}}]}
    second = {"merge_method": "passthrough", "models": [{"model": "mean+again"}], "dtype": "float32"}
    recipe = write_recipe(f"{json.dumps(first)}\n---\n{json.dumps(second)}\n", folder / "stages.yaml")
    command = ("merge", recipe, folder / "stages", "--quiet", "--model-root", folder / "models")
    adapter = made["plain"]
    adapter.write(folder / "models" / "again")
    program.must_run(*command)
    again = program.run(*command)
    assert again.code == 0, f"made of the same: {again}"
    shutil.rmtree(folder / "models" / "again")
    adapter.config["lora_alpha"] *= 2
    adapter.write(folder / "models" / "again")
    adapter.config["lora_alpha"] //= 2
    refused = program.run(*command)
    assert refused.code == 6 and "OUT001" in refused.stderr, f"made of another adapter: {refused}"
    print("an adapter of a stage")


def check_refusals(program, folder, model, made):
    def expect(code, text):
        recipe = write_recipe({"merge_method": "passthrough", "models": [{"model": text}]}, folder / "bad.yaml")
        outcome = program.run("plan", recipe, "--model-root", folder / "models")
        assert outcome.code == 4 and code in outcome.stderr, f"{text}: {outcome}"
        print(f"{text}: {code}")

    def broken(name, change):
        adapter = made["plain"]
        copy = Adapter()
        copy.tensors, copy.config = dict(adapter.tensors), dict(adapter.config)
        change(copy)
        copy.write(folder / "models" / name)
        return name

    q = LAYER.format(0) + "self_attn.q_proj"
    expect("REF020", "base+base")
    expect("REF021", "base+" + broken("loha", lambda a: a.config.update(peft_type="LOHA")))
    expect("REF021", "base+" + broken("pissa", lambda a: a.config.update(init_lora_weights="pissa")))
    expect("REF021", "base+" + broken("experts", lambda a: a.config.update(target_parameters=["experts.up"])))
    expect("REF022", "base+" + broken("alone", lambda a: a.tensors.pop(f"{q}.lora_B.weight")))
    expect("REF023", "base+" + broken("rank", lambda a: a.config.update(r=9)))
    expect("REF024", "base+" + broken("extra", lambda a: a.tensors.update({f"{q}.lora_C.weight": np.zeros(1)})))
    (folder / "models" / "loha" / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA"})[:-1])
    expect("REF020", "base+loha")


def main(binary):
    program = Program(binary)
    random = np.random.default_rng(11)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        model = base_model(random)
        made = adapters(random, model)
        write_model(folder / "models" / "base", model, shards=2)
        for name, adapter in made.items():
            adapter.write(folder / "models" / name)
        check_cases(program, folder, model, made)
        check_merges(program, folder, model, made)
        check_precision(program, folder, model, made)
        check_tied(program, folder, model, made)
        check_grown(program, folder, model, made)
        check_stages(program, folder, model, made)
        check_refusals(program, folder, model, made)


if __name__ == "__main__":
    main(sys.argv[1])
