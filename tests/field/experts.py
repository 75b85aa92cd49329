"""Mixtures of experts in transformers: every key has its place, and experts that are all the base are the base.

experts.py STOCKPOT

By hand, with tests/field/venv's Python.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
import transformers
from safetensors.torch import save_file

SIZES = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 700,
    "max_position_embeddings": 128,
}
DENSE = {
    "llama": (transformers.LlamaConfig, {}),
    "mistral": (transformers.MistralConfig, {"sliding_window": None, "head_dim": 16}),
    "qwen2": (transformers.Qwen2Config, {}),
    "qwen3": (transformers.Qwen3Config, {"head_dim": 16}),
}
TARGETS = [
    ("llama", "mixtral"),
    ("mistral", "mixtral"),
    ("llama", "qwen2_moe"),
    ("qwen2", "qwen2_moe"),
    ("qwen3", "qwen3_moe"),
    ("llama", "deepseek"),
]
GATES = ("random", "uniform_random", "cheap_embed", "hidden")
IDS = torch.arange(0, 250, 7).reshape(1, -1)


def write_dense(folder, kind, tokenizer):
    config_class, more = DENSE[kind]
    for n, name in enumerate(("base", "a")):
        torch.manual_seed(n)
        model = transformers.AutoModelForCausalLM.from_config(config_class(**SIZES, **more)).float().eval()
        model.save_pretrained(folder / kind / name)
        shutil.copy(tokenizer, folder / kind / name / "tokenizer.json")
        if name == "base":
            with torch.no_grad():
                logits = model(IDS).logits
    return logits


def write_gates(path, rows):
    torch.manual_seed(9)
    save_file({f"layer.{n}": torch.randn(rows, SIZES["hidden_size"]) for n in range(2)}, path)


def recipe(target, layout, gate, same):
    experts = [{"source_model": "base"}, {"source_model": "base" if same else "a"}]
    document = {"base_model": "base", "architecture": target, "layout": layout, "gate_mode": gate, "dtype": "float32"}
    shared = [{"source_model": "base", "residual_scale": 0.0 if same else 0.5}] if target == "qwen2_moe" else []
    if gate == "cheap_embed":
        for expert, prompt in zip(experts + shared, ("I'm sure", "1234 def f(x)", "emoji")):
            expert["positive_prompts"] = [prompt]
    if gate == "hidden":
        document["stockpot"] = {"gate_vectors": "gates.safetensors"}
    return document | {"experts": experts} | ({"shared_experts": shared} if shared else {})


def merge(binary, folder, kind, document):
    out = folder / kind / "out"
    shutil.rmtree(out, ignore_errors=True)
    write_gates(folder / kind / "gates.safetensors", 2 + len(document.get("shared_experts", ())))
    (folder / "recipe.yaml").write_text(json.dumps(document))
    command = [binary, "moe", folder / "recipe.yaml", out, "--model-root", folder / kind, "--allow-same", "--quiet"]
    subprocess.run([str(c) for c in command], check=True, stdout=subprocess.DEVNULL)
    return out


def check(out, base_logits, same):
    model, info = transformers.AutoModelForCausalLM.from_pretrained(
        out, dtype=torch.float32, output_loading_info=True
    )
    wrong = {k: info[k] for k in ("missing_keys", "unexpected_keys", "mismatched_keys") if info[k]}
    assert not wrong, wrong
    if hasattr(model.config, "norm_topk_prob"):
        assert model.config.norm_topk_prob
    with torch.no_grad():
        logits = model.eval()(IDS).logits
    assert torch.isfinite(logits).all()
    off = (logits - base_logits).abs().max().item()
    assert off < 1e-4 if same else off > 1e-3, f"{'the same' if same else 'other'} experts: logits are off by {off}"
    return off


def main(binary):
    encodings = Path(__file__).resolve().parents[1] / "data/encodings"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tokenizer = folder / "tokenizer.json"
        tokenizer.write_text(json.dumps(json.loads((encodings / "gpt2.json").read_text())["tokenizer"]))
        logits = {kind: write_dense(folder, kind, tokenizer) for kind in DENSE}
        for kind, target in TARGETS:
            for layout in ("hub",) if target == "deepseek" else ("hub", "fused"):
                for gate in GATES:
                    for same in (True, False):
                        if same and gate == "cheap_embed":
                            continue  # as any other once the rows are there
                        out = merge(binary, folder, kind, recipe(target, layout, gate, same))
                        if target == "deepseek":
                            continue  # its class is code of the hub's
                        off = check(out, logits[kind], same)
                        print(f"{kind} to {target}, {layout}, {gate}, same={same}: logits off by {off:.2g}")


if __name__ == "__main__":
    main(sys.argv[1])
