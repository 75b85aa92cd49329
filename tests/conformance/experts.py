"""Mixtures of experts of dense models against NumPy: every architecture and layout, on 1, 2 and 3 ranks.

experts.py STOCKPOT
"""

import json
import sys
import tempfile
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support import philox  # noqa: E402
from support.checkpoints import digests, read_model, write_model  # noqa: E402
from support.placement import Model  # noqa: E402
from support.program import Program  # noqa: E402
from support.reference import BF16  # noqa: E402

LAYERS, HIDDEN, WIDE, ROWS = 2, 96, 800, 40  # a matrix is more than one block of 65,536 elements
F32, SEED, VALUES = np.float32, 11, 2  # VALUES: the domain of streams of values
PARTS = ("gate_proj", "up_proj", "down_proj")
MIXTRAL = dict(zip(PARTS, ("w1", "w3", "w2")))

EXPERTS = [
    {"source_model": "base", "noise_scale": 0.01},
    {"source_model": "base", "noise_scale": 0.02, "residual_scale": 0.5},
    {"source_model": "a"},
    {"source_model": "b", "residual_scale": 0.9},
]
# model_type of the dense models -> what a layer has beside its block, and what config.json may leave out.
FAMILIES = {"llama": (), "qwen2": ("bias",), "qwen3": ("norm",)}
PARENT_CONFIG = {
    "architectures": ["DenseForCausalLM"],
    "hidden_size": HIDDEN,
    "intermediate_size": WIDE,
    "layer_types": ["full_attention"] * LAYERS,
    "num_attention_heads": 6,
    "num_hidden_layers": LAYERS,
    "sliding_window": 4096,
    "tie_word_embeddings": False,
    "vocab_size": ROWS,
}


def prefix(n):
    return f"model.layers.{n}."


def dense(random, kind):
    shapes = {"model.embed_tokens.weight": (ROWS, HIDDEN), "lm_head.weight": (ROWS, HIDDEN)}
    shapes["model.norm.weight"] = (HIDDEN,)
    for n in range(LAYERS):
        for norm in ("input_layernorm", "post_attention_layernorm"):
            shapes[f"{prefix(n)}{norm}.weight"] = (HIDDEN,)
        for p in "qkvo":
            shapes[f"{prefix(n)}self_attn.{p}_proj.weight"] = (HIDDEN, HIDDEN)
        if "bias" in FAMILIES[kind]:
            shapes |= {f"{prefix(n)}self_attn.{p}_proj.bias": (HIDDEN,) for p in "qkv"}
        if "norm" in FAMILIES[kind]:
            shapes |= {f"{prefix(n)}self_attn.{p}_norm.weight": (16,) for p in "qk"}
        shapes |= {f"{prefix(n)}mlp.{p}.weight": (WIDE, HIDDEN) for p in PARTS[:2]}
        shapes[f"{prefix(n)}mlp.down_proj.weight"] = (HIDDEN, WIDE)
    return {name: random.standard_normal(shape).astype(F32).astype(BF16) for name, shape in shapes.items()}


def drawn(distribution, key, name, count):
    """The values of a stream, from the words and the formulas of the documentation."""
    even = (count + 1) // 2 * 2
    u = (philox.words(SEED, key, name, even, domain=VALUES).astype(np.float64) + 0.5) / 2.0**32
    if distribution == "uniform":
        return (2 * u - 1)[:count]
    radius, angle = np.sqrt(-2 * np.log(u[0::2])), 2 * np.pi * u[1::2]
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).reshape(-1)[:count]


def router(name, rows, gate_mode, base="base"):
    distribution, scale = ("normal", 1.0) if gate_mode == "random" else ("uniform", 1 / np.sqrt(HIDDEN))
    return (scale * drawn(distribution, base, name, rows * HIDDEN)).reshape(rows, HIDDEN)


# Letters, one merge and a begin of texts, so that tokens can be told by hand.
VOCABULARY = {letter: i for i, letter in enumerate("abcdefgh ")} | {"ab": 9}
TOKENIZER = {
    "version": "1.0",
    "added_tokens": [
        {"id": 10, "content": "<s>", "special": True, "normalized": False}
        | {"single_word": False, "lstrip": False, "rstrip": False}
    ],
    "normalizer": None,
    "pre_tokenizer": None,
    "model": {"type": "BPE", "vocab": VOCABULARY, "merges": [["a", "b"]]},
}
# Of each expert: positive prompts, negative prompts, and the tokens of both, <s> included.
PROMPTS = [
    (["abc"], [], [10, 9, 2], []),
    (["dd", "ab ab"], ["h"], [10, 3, 3, 10, 9, 8, 9], [10, 7]),
    (["ee"], ["abc", "g"], [10, 4, 4], [10, 9, 2, 10, 6]),
    (["<s>f"], [], [10, 10, 5], []),
]
SHARED_PROMPTS = (["gh"], ["a"], [10, 6, 7], [10, 0])


def prompted(expert, prompts):
    return expert | {"positive_prompts": prompts[0]} | ({"negative_prompts": prompts[1]} if prompts[1] else {})


def unit(vector):
    return vector / max(np.sqrt((vector * vector).sum()), 1e-8)


def prompt_row(embedding, prompts):
    row = unit(embedding[prompts[2]].sum(axis=0))
    return unit(row - unit(embedding[prompts[3]].sum(axis=0))) if prompts[3] else unit(row)


class Sparse:
    """What has to come out, in float64, before the last rounding."""

    def __init__(self, models, target, layout, gate_mode, shared, vectors=None):
        self.vectors = vectors
        self.models, self.target, self.layout = models, target, layout
        self.gate_mode, self.shared = gate_mode, shared
        self.tensors = {n: v.astype(np.float64) for n, v in models["base"].items() if ".mlp." not in n}
        for n in range(LAYERS):
            self.add_layer(n)

    def matrix(self, expert, n, part, name, before=0):
        """One expert's, whose noise is that of the elements from `before` on of the output tensor `name`."""
        values = self.models[expert["source_model"]][f"{prefix(n)}mlp.{part}.weight"].astype(np.float64)
        if "noise_scale" in expert:
            noise = drawn("normal", expert["source_model"], name, before + values.size)[before:]
            values = values + expert["noise_scale"] * noise.reshape(values.shape)
        return values * (expert.get("residual_scale", 1.0) if part == "down_proj" else 1.0)

    def add_layer(self, n):
        if self.layout == "fused":
            self.add_fused(n)
        else:
            for e, expert in enumerate(EXPERTS):
                for part in PARTS:
                    name = f"{prefix(n)}mlp.experts.{e}.{part}.weight"
                    if self.target == "mixtral":
                        name = f"{prefix(n)}block_sparse_moe.experts.{e}.{MIXTRAL[part]}.weight"
                    self.tensors[name] = self.matrix(expert, n, part, name)
        block = "block_sparse_moe" if (self.target, self.layout) == ("mixtral", "hub") else "mlp"
        self.add_router(f"{prefix(n)}{block}.gate.weight", n, 0, len(EXPERTS))
        self.add_shared(n)
        if self.target == "qwen2_moe":
            for p in "qkv":
                self.tensors.setdefault(f"{prefix(n)}self_attn.{p}_proj.bias", np.zeros(HIDDEN))

    def add_fused(self, n):
        for what, parts in (("gate_up_proj", PARTS[:2]), ("down_proj", PARTS[2:])):
            name, slabs = f"{prefix(n)}mlp.experts.{what}", []
            for e, expert in enumerate(EXPERTS):
                first = [(e * len(parts) + i) * WIDE * HIDDEN for i in range(len(parts))]
                made = [self.matrix(expert, n, part, name, at) for part, at in zip(parts, first)]
                slabs.append(np.concatenate(made))
            self.tensors[name] = np.stack(slabs)

    def add_shared(self, n):
        if not self.shared:
            return
        where = "shared_experts" if self.target == "deepseek" else "shared_expert"
        for part in PARTS:
            name = f"{prefix(n)}mlp.{where}.{part}.weight"
            self.tensors[name] = self.matrix(self.shared, n, part, name)
        if self.target == "qwen2_moe":
            self.add_router(f"{prefix(n)}mlp.shared_expert_gate.weight", n, len(EXPERTS), 1)

    def add_router(self, name, n, first, rows):
        if self.vectors is not None:
            self.tensors[name] = self.vectors[f"layer.{n}"][first : first + rows].astype(np.float64)
        elif self.gate_mode == "cheap_embed":
            embedding = self.models["base"]["model.embed_tokens.weight"].astype(np.float64)
            prompts = [*PROMPTS, SHARED_PROMPTS][first : first + rows]
            self.tensors[name] = np.stack([prompt_row(embedding, p) for p in prompts])
        else:
            self.tensors[name] = router(name, rows, self.gate_mode)


CONFIGS = {
    "mixtral": {
        "architectures": ["MixtralForCausalLM"],
        "model_type": "mixtral",
        "num_local_experts": 4,
        "sliding_window": None,
    },
    "deepseek": {
        "architectures": ["DeepseekForCausalLM"],
        "model_type": "deepseek",
        "n_routed_experts": 4,
        "n_shared_experts": 1,
        "first_k_dense_replace": 0,
        "moe_layer_freq": 1,
        "scoring_func": "softmax",
        "norm_topk_prob": True,
        "moe_intermediate_size": WIDE,
    },
    "qwen2_moe": {
        "architectures": ["Qwen2MoeForCausalLM"],
        "model_type": "qwen2_moe",
        "num_experts": 4,
        "decoder_sparse_step": 1,
        "norm_topk_prob": True,
        "moe_intermediate_size": WIDE,
        "shared_expert_intermediate_size": WIDE,
        "sliding_window": None,
        "use_sliding_window": False,
    },
    "qwen3_moe": {
        "architectures": ["Qwen3MoeForCausalLM"],
        "model_type": "qwen3_moe",
        "num_experts": 4,
        "decoder_sparse_step": 1,
        "norm_topk_prob": True,
        "moe_intermediate_size": WIDE,
        "sliding_window": None,
        "use_sliding_window": False,
    },
}


def check_config(config, target, kind):
    for key, value in CONFIGS[target].items():
        assert key in config and config[key] == value, f"{target}: {key} is {config.get(key)}, not {value}"
    assert config["num_experts_per_tok"] == 2 and config["intermediate_size"] == WIDE
    assert "layer_types" not in config, "windows are off: the class fills layer types in"
    assert "shared_expert_intermediate_size" not in config or target == "qwen2_moe"
    # What the dense file leaves out means its own class's default, not the sparse one's.
    assert config["rms_norm_eps"] == 1e-6 and config["rope_theta"] == 10000.0
    assert config["num_key_value_heads"] == (6 if kind == "llama" else 32)
    first = list(config)[: len(PARENT_CONFIG) - 1]
    assert first == [k for k in PARENT_CONFIG if k != "layer_types"], f"keys have moved: {first}"


class Experts:
    def __init__(self, program, folder):
        self.program, self.folder, self.count = program, folder, 0
        self.models = {}
        for kind in FAMILIES:
            random = np.random.default_rng(len(self.models))
            self.models[kind] = {m: dense(random, kind) for m in ("base", "a", "b")}
            for name, tensors in self.models[kind].items():
                write_model(folder / kind / name, Model(tensors, PARENT_CONFIG | {"model_type": kind}))
            (folder / kind / "base" / "tokenizer.json").write_text(json.dumps(TOKENIZER))
            (folder / kind / "base" / "tokenizer_config.json").write_text('{"bos_token": {"content": "<s>"}}')

    def make(self, recipe, kind):
        """On one rank; then in other ways, which must give the same bytes."""
        self.count += 1
        out = self.folder / f"out-{self.count}"
        options = ["--model-root", self.folder / kind, "--random-seed", SEED]
        self.program.merge(recipe, out, *options)
        first = digests(out)
        for ranks, more in ((3, ["--unit", "64KiB"]), (2, ["--chunk", "64KiB", "--memory-per-rank", "8MiB"])):
            again = self.folder / f"out-{self.count}-{ranks}"
            self.program.merge(recipe, again, *options, *more, ranks=ranks)
            differing = [f for f, digest in digests(again).items() if first[f] != digest and f != "README.md"]
            assert not differing, f"{ranks} ranks: {differing}"
        assert (out / "mergekit_moe_config.yml").read_text() == Path(f"{out}.yaml").read_text()
        assert "mixture of experts" in (out / "README.md").read_text()
        return read_model(out)

    def write_vectors(self, kind, rows):
        random = np.random.default_rng(8)
        vectors = {f"layer.{n}": random.standard_normal((rows, HIDDEN)).astype(F32) for n in range(LAYERS)}
        save_file(vectors, self.folder / kind / "gates.safetensors")
        return vectors

    def check(self, kind, target, layout="hub", gate_mode="random", shared=None, dtype=None):
        recipe = {
            "base_model": "base",
            "architecture": target,
            "gate_mode": gate_mode,
            "layout": layout,
            "experts": EXPERTS,
        }
        vectors = None
        if gate_mode == "hidden":
            vectors = self.write_vectors(kind, len(EXPERTS) + (1 if shared else 0))
            recipe["stockpot"] = {"gate_vectors": "gates.safetensors"}
        elif gate_mode == "cheap_embed":
            recipe["experts"] = [prompted(e, p) for e, p in zip(EXPERTS, PROMPTS)]
            shared = prompted(shared, SHARED_PROMPTS) if shared and target == "qwen2_moe" else shared
        recipe |= {"shared_experts": [shared]} if shared else {}
        recipe |= {"dtype": dtype} if dtype else {}
        got = self.make(recipe, kind)
        want = Sparse(self.models[kind], target, layout, gate_mode, shared, vectors).tensors
        assert got.tensors.keys() == want.keys(), got.tensors.keys() ^ want.keys()
        stored = F32 if dtype == "float32" else BF16
        for name, values in want.items():
            found = got.tensors[name]
            assert found.dtype == stored and found.shape == values.shape, f"{name}: {found.dtype} {found.shape}"
            step = 2.0**-22 if dtype == "float32" else 2.0**-8  # of a value: half a step of bfloat16, a few of float32
            off = np.abs(found.astype(np.float64) - values) - step * np.abs(values)
            assert off.max() <= 1e-6, f"{name} is off by {off.max():.2g}"
        check_config(got.config, target, kind)
        print(f"{kind} to {target}, {layout}, {gate_mode}: {len(want)} tensors, the same bytes on 1, 2 and 3 ranks")


    def refuse(self, recipe, *words, code=3):
        path = self.folder / "refused.yaml"
        path.write_text(json.dumps(recipe))
        outcome = self.program.run("plan", path, "--model-root", self.folder / "llama", ranks=2)
        assert outcome.code == code, outcome
        for word in words:
            assert word in outcome.stderr, f"no '{word}' in {outcome}"

    def check_made_base(self):
        """A base that is a stage is as good as one that is there; routers are looked at when it is made."""
        stage = {"name": "made", "merge_method": "passthrough", "models": [{"model": "base"}]}
        for gate_mode, said in (("random", ""), ("cheap_embed", "warning[MOE012]")):
            experts = [{"source_model": m, "positive_prompts": [t]} for m, t in zip("ab", ("abababababababc", "ababababababab"))]
            sparse = {"base_model": "made", "gate_mode": gate_mode, "architecture": "mixtral", "experts": experts, "dtype": "float32"}
            path, out = self.folder / f"made-{gate_mode}.yaml", self.folder / f"made-{gate_mode}"
            path.write_text(f"{json.dumps(stage)}\n---\n{json.dumps(sparse)}\n")
            made = self.program.must_run("merge", path, out, "--model-root", self.folder / "llama", "--random-seed", SEED)
            assert said in made.stderr, made
            tensors, base = read_model(out).tensors, self.models["llama"]["base"]
            assert all((tensors[n] == v.astype(F32)).all() for n, v in base.items() if ".mlp." not in n)
            if gate_mode != "random":
                continue
            for n in range(LAYERS):
                name = f"{prefix(n)}block_sparse_moe.gate.weight"
                assert np.abs(tensors[name] - router(name, 2, gate_mode, "made")).max() < 1e-6, name
        print("a base that is a stage: its tensors, and routers")

    def check_mistakes(self):
        def prompts(*texts):
            experts = [{"source_model": m, "positive_prompts": [t]} for m, t in zip("ab", texts)]
            return {"base_model": "base", "gate_mode": "cheap_embed", "experts": experts}

        def vectors(shape, layers=LAYERS, dtype=F32):
            path = self.folder / "llama" / "odd.safetensors"
            save_file({f"layer.{n}": np.ones(shape, dtype) for n in range(layers)}, path)
            experts = [{"source_model": "a"}, {"source_model": "b"}]
            return {"base_model": "base", "experts": experts, "stockpot": {"gate_vectors": "odd.safetensors"}}

        # Three tokens of three: nearly one direction. [1, 1] twice has no second one.
        self.refuse(prompts("abababababababc", "ababababababab"), "warning[MOE012]", "condition number of", code=0)
        self.refuse(vectors((2, HIDDEN)), "warning[MOE012]", "2 layers", "depend on each other", code=0)
        strict = prompts("ababababababab", "abababababababc") | {"stockpot": {"strict": True}}
        self.refuse(strict, "error[MOE012]")
        self.refuse(vectors((2, HIDDEN), layers=1), "error[MOE011]", "no tensor 'layer.1'")
        self.refuse(vectors((3, HIDDEN)), "error[MOE011]", f"[3, {HIDDEN}]")
        self.refuse(vectors((2, HIDDEN), dtype=np.int32), "error[MOE011]", "I32")
        path = self.folder / "llama" / "base" / "tokenizer.json"
        whole = path.read_text()
        path.write_text(json.dumps(TOKENIZER | {"normalizer": {"type": "Lowercase"}}))
        self.refuse(prompts("a", "b"), "error[MOE010]", "'Lowercase'")
        many = [TOKENIZER["added_tokens"][0] | {"id": 10 + i, "content": f"<{i}>"} for i in range(ROWS)]
        path.write_text(json.dumps(TOKENIZER | {"added_tokens": many}))
        self.refuse(prompts("a", "<39>"), "error[MOE010]", "token 49", "40 rows")
        path.unlink()
        self.refuse(prompts("a", "b"), "error[MOE010]", "no tokenizer.json")
        path.write_text(whole)
        print("routers that cannot be made, or tell nothing apart, are named")


def main(binary):
    with tempfile.TemporaryDirectory() as folder:
        experts = Experts(Program(binary), Path(folder))
        shared = {"source_model": "a", "residual_scale": 0.1}
        experts.check("llama", "mixtral")
        experts.check("llama", "mixtral", "fused", "uniform_random", dtype="float32")
        experts.check("llama", "deepseek", shared=shared, dtype="float32")
        experts.check("llama", "qwen2_moe", gate_mode="uniform_random", shared=shared)
        experts.check("qwen2", "qwen2_moe", "fused", shared=shared | {"noise_scale": 0.01}, dtype="float32")
        experts.check("qwen3", "qwen3_moe", dtype="float32")
        experts.check("qwen3", "qwen3_moe", "fused", "uniform_random")
        experts.check("llama", "mixtral", gate_mode="cheap_embed", dtype="float32")
        experts.check("qwen2", "qwen2_moe", "fused", "cheap_embed", shared=shared)
        experts.check("qwen3", "qwen3_moe", gate_mode="hidden", dtype="float32")
        experts.check("llama", "qwen2_moe", gate_mode="hidden", shared=shared, dtype="float32")
        experts.check_made_base()
        experts.check_mistakes()


if __name__ == "__main__":
    main(sys.argv[1])
