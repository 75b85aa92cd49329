"""Layers of families that have several kinds of them, in another order: config.json has to give each layer the kind
that its tensors have, or the merge has to be refused.

franken.py STOCKPOT

What a configuration means is computed here as the families' own code does it; tests/field/franken.py asks that code.
"""

import itertools
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.checkpoints import read_model, write_model  # noqa: E402
from support.placement import Model  # noqa: E402
from support.program import Program, write_recipe  # noqa: E402

RECIPE = 3
HIDDEN, WIDTH, TOKENS, LAYERS = 8, 4, 16, 6
EMBEDDING, NORM, HEAD = "model.embed_tokens.weight", "model.norm.weight", "lm_head.weight"
PER_LAYER, PROJECTION = "model.embed_tokens_per_layer.weight", "model.per_layer_model_projection.weight"

# What layers come from: (model, first, end).
WAYS = {
    "same order": [("a", 0, 2), ("b", 2, 6)],
    "other order": [("a", 2, 4), ("b", 0, 2), ("a", 4, 6)],
    "stacked": [("a", 0, 4), ("b", 2, 6)],
    "shifted": [("a", 1, 3), ("b", 1, 4)],
    "doubled": [("a", 0, 3), ("b", 2, 6)],
    "cut": [("a", 1, 6)],
}


def layers_of(config):
    return config.get("num_hidden_layers") or config.get("num_layers") or len(config["layers_block_type"])


def by_period(config):
    n, period, offset = layers_of(config), config["attn_layer_period"], config["attn_layer_offset"]
    assert offset < period, "the library stops"
    return ["attention" if i % period == offset else "mamba" for i in range(n)]


def by_list(key):
    def kinds(config):
        assert len(config[key]) == layers_of(config), f"{key}: {len(config[key])} entries"
        return config[key]

    return kinds


def by_numbers(key):
    return lambda config: ["full" if i in config[key] else "other" for i in range(layers_of(config))]


def by_pattern(config):
    return (config["block_types"] * 100)[: layers_of(config)]


def by_groups(config):
    kinds = [kind for group, times in config["attention_types"] for kind in group * times]
    assert len(kinds) == layers_of(config) and kinds == config["attention_layers"]
    return kinds


def by_text(config):
    assert len(config["hybrid_override_pattern"]) == layers_of(config)
    return list(config["hybrid_override_pattern"])


def by_first(key):
    return lambda config: ["sparse" if i >= config[key] else "dense" for i in range(layers_of(config))]


def by_step(config):
    step, dense = config["decoder_sparse_step"], config.get("mlp_only_layers") or []
    return ["sparse" if (i + 1) % step == 0 and i not in dense else "dense" for i in range(layers_of(config))]


def by_interleaving(config):
    n, step, listed = layers_of(config), config["interleave_moe_layer_step"], config["moe_layers"]
    sparse = listed if listed is not None else list(range(step - 1, n, step))
    return ["sparse" if i in sparse else "dense" for i in range(n)]


def by_bounds(config):
    n, step = layers_of(config), config["moe_layer_interval"]
    first, last = config["moe_layer_start_index"], config["moe_layer_end_index"]
    last = n - 1 if last == -1 else last
    return ["sparse" if (i + 1) % step == 0 and first <= i <= last else "dense" for i in range(n)]


def by_interval(config):
    every = config["full_attention_interval"]
    made = ["full_attention" if (i + 1) % every == 0 else "linear_attention" for i in range(layers_of(config))]
    kinds = config.get("layer_types") or made
    assert len(kinds) == layers_of(config)
    return kinds


# Family -> what its config.json says of six layers, how to read it, and the ways that it has no words for.
FAMILIES = {
    "jamba": ({"attn_layer_period": 2, "attn_layer_offset": 1}, by_period, {"doubled"}),
    "nemotron-h": (
        {"layers_block_type": ["moe", "mlp"] * 3, "num_hidden_layers": None},
        by_list("layers_block_type"),
        (),
    ),
    "nemotron-h hub": ({"hybrid_override_pattern": "M*M-M*"}, by_text, ()),
    "gpt-neo": (
        {
            "attention_types": [[["global", "local"], 3]],
            "attention_layers": ["global", "local"] * 3,
            "num_layers": 6,
            "num_hidden_layers": None,
        },
        by_groups,
        (),
    ),
    "recurrent-gemma": ({"block_types": ["recurrent", "recurrent", "attention"]}, by_pattern, ()),
    "bamba": ({"attn_layer_indices": [1, 4]}, by_numbers("attn_layer_indices"), ()),
    "lfm2": ({"full_attn_idxs": [2, 5]}, by_numbers("full_attn_idxs"), ()),
    "deepseek": ({"first_k_dense_replace": 2}, by_first("first_k_dense_replace"), {"other order", "shifted"}),
    "lfm2-moe": ({"num_dense_layers": 2}, by_first("num_dense_layers"), {"other order", "shifted"}),
    "qwen-moe": ({"decoder_sparse_step": 2, "mlp_only_layers": [3], "num_experts": 4}, by_step, ()),
    "llama4": ({"interleave_moe_layer_step": 2, "moe_layers": None}, by_interleaving, ()),
    "llama4 listed": ({"interleave_moe_layer_step": 2, "moe_layers": [1, 3, 5]}, by_interleaving, ()),
    "ernie": (
        {"moe_layer_start_index": 2, "moe_layer_end_index": 5, "moe_layer_interval": 1},
        by_bounds,
        {"other order", "shifted"},
    ),
    "ernie to the end": (
        {"moe_layer_start_index": 1, "moe_layer_end_index": -1, "moe_layer_interval": 2},
        by_bounds,
        {"doubled", "shifted", "cut"},
    ),
    "qwen3-next": ({"full_attention_interval": 3}, by_interval, ()),
}


def make(random, kinds, config):
    """Every layer has a tensor of its kind's name. The head is tied."""
    shapes = {EMBEDDING: (TOKENS, HIDDEN), NORM: (HIDDEN,)}
    for i, kind in enumerate(kinds):
        shapes |= {f"model.layers.{i}.norm.weight": (HIDDEN,), f"model.layers.{i}.{kind}.weight": (HIDDEN, HIDDEN)}
    tensors = {name: random.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
    return Model(tensors, config)


def recipe_of(way):
    slices = [{"sources": [{"model": m, "layer_range": [first, end]}]} for m, first, end in way]
    return {"merge_method": "passthrough", "slices": slices}


def chosen(way):
    return [(model, k) for model, first, end in way for k in range(first, end)]


def wanted_of(models, way):
    first, last = models[way[0][0]].tensors, models[way[-1][0]].tensors
    wanted = {EMBEDDING: first[EMBEDDING], NORM: last[NORM]}
    if way[0][0] != way[-1][0]:
        wanted[HEAD] = last[EMBEDDING]
    for place, (model, k) in enumerate(chosen(way)):
        for name, tensor in models[model].tensors.items():
            if name.startswith(f"model.layers.{k}."):
                wanted[name.replace(f".{k}.", f".{place}.", 1)] = tensor
    return wanted


def assert_same(got, wanted):
    assert got.keys() == wanted.keys(), f"other tensors: {sorted(got.keys() ^ wanted.keys())}"
    for name, values in wanted.items():
        assert np.array_equal(got[name], values), f"{name} is another"


def family_config(more):
    known = {"architectures": ["SomeForCausalLM"], "num_hidden_layers": LAYERS, "vocab_size": TOKENS}
    config = known | {"tie_word_embeddings": True} | more
    return {key: value for key, value in config.items() if value is not None or key == "moe_layers"}


def check_family(program, folder, name):
    more, kinds_of, refused = FAMILIES[name]
    config = family_config(more)
    random = np.random.default_rng(len(name))
    kinds = kinds_of(config)
    models = {m: make(random, kinds, config) for m in "ab"}
    for m, model in models.items():
        write_model(folder / m, model)
    for title, way in WAYS.items():
        out = folder / title.replace(" ", "-")
        if title in refused:
            recipe = write_recipe(recipe_of(way), f"{out}.yaml")
            outcome = program.run("merge", recipe, out, "--model-root", folder)
            assert outcome.code == RECIPE and "ARC031" in outcome.stderr, f"{title} is not refused: {outcome}"
            assert not out.exists()
            continue
        program.merge(recipe_of(way), out, "--model-root", folder)
        made = read_model(out)
        assert_same(made.tensors, wanted_of(models, way))
        want = [kinds[k] for _, k in chosen(way)]
        assert kinds_of(made.config) == want, f"{title}: {kinds_of(made.config)}, not {want}"
        assert made.config["tie_word_embeddings"] == (way[0][0] == way[-1][0]), title
    print(f"{name}: {len(WAYS) - len(refused)} ways put together, {len(refused)} refused")


def check_tables(program, folder):
    """Embeddings per layer follow the layers: on any number of ranks, alone and as a mean of two models."""
    random = np.random.default_rng(3)
    config = family_config({"num_kv_shared_layers": 2})
    models = {m: make(random, ["mlp"] * LAYERS, config) for m in "ab"}
    for m, model in models.items():
        model.tensors[PER_LAYER] = random.standard_normal((TOKENS, LAYERS * WIDTH)).astype(np.float32)
        model.tensors[PROJECTION] = random.standard_normal((LAYERS * WIDTH, HIDDEN)).astype(np.float32)
        write_model(folder / m, model)

    def tables(layers):
        made = {}
        for name, axis in ((PER_LAYER, 1), (PROJECTION, 0)):
            stretches = [np.split(models[m].tensors[name], LAYERS, axis)[k] for m, k in layers]
            made[name] = np.concatenate(stretches, axis)
        return made

    for (title, way), ranks in itertools.product(list(WAYS.items())[1:3], (1, 3)):
        out = folder / f"{title.replace(' ', '-')}-{ranks}"
        program.merge(recipe_of(way), out, "--model-root", folder, ranks=ranks)
        made = read_model(out)
        assert_same(made.tensors, wanted_of(models, way) | tables(chosen(way)))
        assert made.config["num_kv_shared_layers"] == 2
    pairs = [{"sources": [{"model": m, "layer_range": r} for m in "ab"]} for r in ([4, 6], [1, 2])]
    recipe = {"merge_method": "linear", "parameters": {"weight": 1.0}, "slices": pairs}
    out = folder / "mean"
    outcome = program.run("merge", write_recipe(recipe, f"{out}.yaml"), out, "--model-root", folder)
    assert outcome.code == RECIPE and "num_kv_shared_layers" in outcome.stderr, outcome
    pairs.reverse()
    program.merge(recipe, out, "--model-root", folder)
    of_a, of_b = (tables([(m, k) for k in (1, 4, 5)]) for m in "ab")
    mean = {name: (of_a[name] + of_b[name]) / 2 for name in of_a}
    got = read_model(out).tensors
    for name, values in mean.items():
        assert np.allclose(got[name], values, atol=1e-6), name
    print("tables by layer: three ways, on 1 and 3 ranks")


def check_t5(program, folder):
    """The bias that layer 0 alone has stays there, whichever layers come after it; it is the first slice's."""
    data = Path(__file__).resolve().parents[1] / "data" / "families" / "t5"
    b = read_model(data / "b").tensors
    slices = recipe_of([("b", 1, 3), ("a", 0, 2)])["slices"]
    others = {module: {"models": [{"model": "a"}]} for module in ("encoder", "shared")}
    recipe = {"merge_method": "passthrough", "base_model": "a", "modules": others | {"decoder": {"slices": slices}}}
    program.merge(recipe, folder, "--model-root", data)
    got = read_model(folder).tensors
    biases = [name for name in got if name.startswith("decoder.") and "relative_attention_bias" in name]
    assert biases == ["decoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight"], biases
    assert np.array_equal(got[biases[0]], b[biases[0]])
    query = "decoder.block.{}.layer.0.SelfAttention.q.weight"
    assert np.array_equal(got[query.format(0)], b[query.format(1)])
    print("t5: the bias of all layers stays in the first")


def main(binary):
    program = Program(binary)
    with tempfile.TemporaryDirectory() as temporary:
        for name in FAMILIES:
            check_family(program, Path(temporary) / name.replace(" ", "-"), name)
        check_tables(program, Path(temporary) / "tables")
        check_t5(program, Path(temporary) / "t5")


if __name__ == "__main__":
    main(sys.argv[1])
