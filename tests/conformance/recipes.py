"""What a recipe says about each tensor, through the whole program: gradients, filters, precedence, seeds, dtypes,
slices, tensors that some models lack. Values against the NumPy reference.

    recipes.py STOCKPOT
"""

import itertools
import sys
import tempfile
from pathlib import Path

import ml_dtypes
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support import reference  # noqa: E402
from support.checkpoints import read_model, write_model  # noqa: E402
from support.compare import assert_merged  # noqa: E402
from support.families import change  # noqa: E402
from support.placement import Model  # noqa: E402
from support.program import Program, write_recipe  # noqa: E402

LAYERS = 5
DTYPES = {"f32": np.float32, "bf16": ml_dtypes.bfloat16, "f16": np.float16, "f64": np.float64}
CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 16,
    "vocab_size": 40,
    "num_hidden_layers": LAYERS,
    "tie_word_embeddings": False,
}


def tensor_names():
    layers = [
        f"model.layers.{n}.{x}.weight"
        for n in range(LAYERS)
        for x in ("self_attn.q_proj", "mlp.up_proj", "mlp.down_proj", "input_layernorm")
    ]
    return ["model.embed_tokens.weight", *layers, "model.norm.weight", "lm_head.weight"]


def shape_of(name):
    if "norm" in name:
        return (16,)
    return (40, 16) if name in ("model.embed_tokens.weight", "lm_head.weight") else (24, 16)


def small_family(dtype=np.float32, tunes="abc"):
    """base and fine-tunes; `dtype` is one or a list that tensors and models take turns in."""
    random = np.random.default_rng(11)
    turns = dtype if isinstance(dtype, list) else [dtype]
    made = {"base": {}, **{t: {} for t in tunes}}
    for i, name in enumerate(tensor_names()):
        values = random.standard_normal(shape_of(name))
        for m, tensors in enumerate(made.values()):
            moved = values if m == 0 else values + change(random, values, coarse=False)
            tensors[name] = moved.astype(turns[(i + m * (i % 2)) % len(turns)])
    return {name: Model(tensors, dict(CONFIG)) for name, tensors in made.items()}


def weighted(weights, **more):
    return [{"model": m, "parameters": {"weight": w, **more}} for m, w in zip("abc", weights)]


def pieces(*ranges, models="abc", per_model=None):
    """Output slices, each taking the same layers of all models."""
    per_model = per_model or {}
    return [
        {"sources": [{"model": m, "layer_range": list(r), "parameters": per_model.get(m, {})} for m in models]}
        for r in ranges
    ]


ATTENTION_FIRST = [{"filter": "self_attn", "value": [0, 1, 0.25]}, {"filter": "mlp", "value": 0.125}]


def structured_cases():
    """title -> recipe with modules, or with an output that is assembled from ranges of layers."""
    nested = {
        "merge_method": "task_arithmetic",
        "base_model": "base",
        "parameters": {"weight": 0.5, "lambda": 0.25},
        "slices": pieces(
            (0, 2),
            (2, 5),
            models=["base", "a", "b"],
            per_model={"a": {"weight": [{"filter": "mlp", "value": 2}]}, "b": {"lambda": 9}},
        ),
    }
    nested["slices"][0]["parameters"] = {"weight": [{"filter": "norm", "value": 3}, {"filter": "q_proj", "value": 4}]}
    nested["slices"][1]["parameters"] = {"lambda": [1, 0]}
    modules = {
        "merge_method": "task_arithmetic",
        "base_model": "base",
        "parameters": {"weight": 7, "lambda": 0.5},
        "modules": {
            "default": {
                "models": [{"model": "a"}, {"model": "b", "parameters": {"weight": 1}}],
                "parameters": {"weight": [{"filter": "mlp", "value": 0.25}]},
            }
        },
    }
    return {
        "module before document": modules,
        "source before slice before document": nested,
        "layers twice": {
            "merge_method": "passthrough",
            "slices": [
                {
                    "sources": [
                        {
                            "model": "a",
                            "layer_range": [0, 3],
                            "parameters": {"scale": [{"filter": "down_proj", "value": 0.5}]},
                        }
                    ]
                },
                {"sources": [{"model": "b", "layer_range": [1, 5]}]},
            ],
        },
        "other layers of each model": {
            "merge_method": "linear",
            "slices": [
                {
                    "sources": [
                        {
                            "model": "a",
                            "layer_range": [0, 2],
                            "parameters": {"weight": [{"filter": "layers.1", "value": 5}, {"value": 1}]},
                        },
                        {
                            "model": "b",
                            "layer_range": [3, 5],
                            "parameters": {"weight": [{"filter": "layers.4", "value": 7}, {"value": 2}]},
                        },
                    ]
                },
                {
                    "sources": [
                        {"model": "a", "layer_range": [2, 5], "parameters": {"weight": 1}},
                        {"model": "c", "layer_range": [1, 4], "parameters": {"weight": [0, 1]}},
                    ]
                },
            ],
        },
    }


def value_cases():
    """title -> recipe of whole models, for one family of float32 tensors."""
    slerp = {"merge_method": "slerp", "base_model": "a"}
    ties = {"merge_method": "ties", "base_model": "base"}
    return {
        "gradient of a weight": {"merge_method": "linear", "models": weighted([[0.1, 0.9], [1, 0, 2, 0.5], 0.3])},
        "gradient with one point": {"merge_method": "linear", "models": weighted([[0.1], 1, 1])},
        "filters with a gradient": {
            "merge_method": "linear",
            "models": weighted([[*ATTENTION_FIRST, {"value": -1}], 1, 3]),
        },
        "a condition without a list": ties
        | {"models": weighted([{"value": 0.5}, 1, 1], density={"filter": "*", "value": [0.2, 0.8]})},
        "filters by expression": {
            "merge_method": "linear",
            "models": weighted(
                [
                    [{"filter": r"re:layers\.[02]\..*proj", "value": 2}, {"value": 1}],
                    [{"filter": "glob:model.layers.?.mlp.*", "value": 2}, {"value": 1}],
                    [{"filter": "layers:1-2,4", "value": 2}, {"value": 1}],
                ]
            ),
        },
        "t over depth and kind": slerp
        | {"models": [{"model": "a"}, {"model": "b"}], "parameters": {"t": [*ATTENTION_FIRST, {"value": 0.4}]}},
        "gradient of a switch": {
            "merge_method": "linear",
            "models": weighted([1, 2, 3]),
            "parameters": {"normalize": [True, False, True]},
        },
        "gradients of density and lambda": ties
        | {"models": weighted([1, 0.5, 0.25], density=[1, 0, 0.5]), "parameters": {"lambda": [0.5, 1, 2]}},
        "base among the sources": ties
        | {"models": [{"model": "base"}, *weighted([1, 0.5, 2], density=0.4)], "parameters": {"int8_mask": True}},
        "base of a linear merge is an input": {
            "merge_method": "linear",
            "base_model": "base",
            "models": [{"model": "base", "parameters": {"weight": 2}}, *weighted([1, 1, 1])],
        },
        "base of a linear merge that is not listed": {
            "merge_method": "linear",
            "base_model": "base",
            "models": weighted([1, 2, 1]),
        },
        "votes by count": ties
        | {"models": weighted([1, 0.1, 0.1], density=0.6), "parameters": {"sign_consensus": "count"}},
        "negative weight, normalized": ties | {"models": weighted([-1, 0.5, 1], density=0.6)},
        "density none and all": ties
        | {"models": weighted([1, 1, 1], density=[{"filter": "mlp", "value": 0}, {"value": 1}])},
        "density that keeps one": ties | {"models": weighted([1, 1, 1], density=1e-6)},
        "last point of a gradient after the layers": {
            "merge_method": "linear",
            "models": weighted([[1, 3], 1, 1]),
            "stockpot": {"post_layer_t": 1},
        },
    }


YAML_TEXT = """\
# quoted numbers, words for truth, octal, anchors and merge keys
shape: &shape {density: 0.4, weight: '0.5'}
merge_method: ties
base_model: base
models:
  - model: a
    parameters: *shape
  - model: b
    parameters: {<<: *shape, weight: 1e-1}
  - {model: c, parameters: {<<: *shape, density: .75}}
parameters: {normalize: off, lambda: 010}
"""
YAML_MEANING = {
    "merge_method": "ties",
    "base_model": "base",
    "parameters": {"normalize": False, "lambda": 8},
    "models": [
        {"model": "a", "parameters": {"density": 0.4, "weight": 0.5}},
        {"model": "b", "parameters": {"density": 0.4, "weight": 0.1}},
        {"model": "c", "parameters": {"density": 0.75, "weight": 0.5}},
    ],
}


class Recipes:
    def __init__(self, program, folder):
        self.program, self.folder, self.runs = program, folder, itertools.count()

    def write(self, name, models):
        for model, content in models.items():
            write_model(self.folder / name / model, content)
        return self.folder / name

    def merged(self, recipe, root, *options, **run_options):
        out = self.folder / f"out-{next(self.runs)}"
        self.program.merge(recipe, out, "--model-root", root, *options, **run_options)
        return read_model(out)

    def check(self, title, recipe, models, root, *options, seed=0, **run_options):
        got = self.merged(recipe, root, *options, **run_options)
        assert_merged(got.tensors, reference.merge(recipe, models, seed), title)
        print(f"{title}: {len(got.tensors)} tensors")
        return got

    def check_values(self):
        models = small_family()
        root = self.write("values", models)
        for title, recipe in value_cases().items():
            got = self.check(title, recipe, models, root)
        got = self.merged(YAML_TEXT, root)
        assert_merged(got.tensors, reference.merge(YAML_MEANING, models), "YAML")
        print("YAML as people write it: means what it says")

    def check_or_refused(self, title, recipe, models, root, code):
        """What this version may not know yet: it says so with this code and stops, or it gets the values right."""
        planned = self.program.run("plan", write_recipe(recipe, self.folder / "planned.yaml"), "--model-root", root)
        if planned.code == 0:
            return self.check(title, recipe, models, root)
        assert code in planned.stderr and "yet" in planned.stderr, f"{title}: {planned}"
        print(f"{title}: refused by this version")
        return None

    def check_structure(self):
        models = small_family()
        root = self.write("structure", models)
        for title, recipe in structured_cases().items():
            got = self.check_or_refused(title, recipe, models, root, "CFG015")
            layers = {name.split(".")[2] for name in got.tensors if ".layers." in name} if got else ()
            assert not got or got.config["num_hidden_layers"] == len(layers), f"{title}: {got.config}"

    def check_seeds(self):
        models = small_family()
        root = self.write("seeds", models)
        recipe = {
            "merge_method": "dare_linear",
            "base_model": "base",
            "models": weighted([1, 1, 1], density=0.5),
            "parameters": {"rescale_mode": "inv_density"},
        }
        self.check("seed 0 is the default", recipe, models, root, seed=0)
        self.check(
            "seed of the command line", recipe, models, root, "--random-seed", 2**63 + 5, seed=2**63 + 5, ranks=2
        )
        seeded = recipe | {"stockpot": {"seed": 9}}
        self.check("seed of the recipe", seeded, models, root, seed=9)
        self.check("command line before recipe", seeded, models, root, "--random-seed", 4, seed=4)
        keyed = recipe | {"models": [entry | {"key": f"key {i}"} for i, entry in enumerate(recipe["models"])]}
        self.check("keys of the models", keyed, models, root)

    def check_dtypes(self):
        mixed = small_family([DTYPES[d] for d in ("f32", "bf16", "f16", "f64")])
        root = self.write("mixed", mixed)
        linear = {"merge_method": "linear", "models": weighted([0.3, 0.6, 0.2])}
        ties = {"merge_method": "ties", "base_model": "base", "models": weighted([0.3, 0.6, 0.2], density=0.5)}
        for recipe, (dtype, out_dtype) in zip(
            itertools.cycle([linear, ties]),
            itertools.product([None, "float32", "bfloat16"], [None, "float16", "bfloat16", "float64", "float32"]),
        ):
            asked = {k: v for k, v in (("dtype", dtype), ("out_dtype", out_dtype)) if v}
            got = self.check(
                f"{recipe['merge_method']}, dtype {dtype}, out_dtype {out_dtype}", recipe | asked, mixed, root
            )
            assert got.config.get("torch_dtype") == (out_dtype or dtype), got.config
        rounded = ties | {"dtype": "bfloat16", "out_dtype": "float32", "stockpot": {"round_inputs": True}}
        self.check("inputs rounded to dtype first", rounded, mixed, root)

    def check_absences(self):
        models = small_family()
        del models["b"].tensors["model.layers.2.mlp.up_proj.weight"]
        del models["a"].tensors["model.layers.3.self_attn.q_proj.weight"]
        root = self.write("absences", models)
        pair = [{"model": "base"}, {"model": "a"}]
        for method, recipe in {
            "linear": {"models": weighted([0.5, 2, 1])},
            "ties": {"base_model": "base", "models": weighted([0.5, 2, 1], density=0.5)},
            "task_arithmetic": {"base_model": "base", "models": weighted([0.5], density=0.5)},
            "slerp": {"base_model": "base", "models": pair, "parameters": {"t": 0.5}},
            "model_stock": {"base_model": "base", "models": [{"model": m} for m in "abc"]},
        }.items():
            self.check(f"{method} without some tensors", {"merge_method": method} | recipe, models, root)

    def check_vocabularies(self):
        """Embeddings of another number of rows are cut: to what all have, in the task family to the base's."""
        models = small_family()
        for name in ("model.embed_tokens.weight", "lm_head.weight"):
            longer = np.concatenate([models["b"].tensors[name], np.full((3, 16), 9, np.float32)])
            models["b"].tensors[name] = longer
        models["b"].config["vocab_size"] = 43
        root = self.write("vocabularies", models)
        linear = {"merge_method": "linear", "models": weighted([1, 2, 1])}
        task = {"merge_method": "task_arithmetic", "base_model": "base", "models": weighted([1, 2, 1])}
        for recipe in (linear, task):
            title = f"{recipe['merge_method']}, one model with more tokens"
            got = self.check_or_refused(title, recipe, models, root, "TEN004")
            assert not got or got.config["vocab_size"] == 40, f"{title}: {got.config}"

    def check_nonfinite(self):
        models = small_family(np.float16)
        models["a"].tensors["lm_head.weight"][3, 5] = np.nan
        models["a"].tensors["lm_head.weight"][4, 5] = np.inf
        root = self.write("nonfinite", models)
        recipe = {"merge_method": "linear", "models": weighted([6e4, 5e4, 1])}
        summed = recipe | {"parameters": {"normalize": False}}
        for title, r in (("NaN and infinity propagate", recipe), ("overflow propagates", summed)):
            self.check(title, r, models, root, "--nonfinite", "propagate")
        self.check("the recipe may say so, too", summed | {"stockpot": {"nonfinite": "propagate"}}, models, root)


def main(binary):
    with tempfile.TemporaryDirectory() as temporary:
        recipes = Recipes(Program(binary), Path(temporary))
        recipes.check_values()
        recipes.check_structure()
        recipes.check_seeds()
        recipes.check_dtypes()
        recipes.check_absences()
        recipes.check_vocabularies()
        recipes.check_nonfinite()


if __name__ == "__main__":
    np.seterr(all="ignore")
    main(sys.argv[1])
