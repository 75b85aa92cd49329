"""Layers of two models of one family put together in another order, and loaded as users do.

    franken.py STOCKPOT [--only TEXT ...] [--keep FOLDER]

By hand, with tests/field/venv's Python. Each family is tried in several ways; what comes out has to load with nothing
missing and nothing left over, has to speak as a model that was put together in torch, and has to be refused (ARC031)
where the family's configuration has no words for it.
"""

import argparse
import copy
import re
import sys
import tempfile
import traceback
from pathlib import Path

import torch
import transformers as tf
import yaml
from franken_families import FAMILIES, LAYERS
from transformers.utils import logging

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.program import Program  # noqa: E402

PROBLEMS = ("missing_keys", "unexpected_keys", "mismatched_keys", "error_msgs", "conversion_errors")
STACK = re.compile(r"^(model\.layers|transformer\.h|gpt_neox\.layers|model\.decoder\.layers|backbone\.layers)\.(\d+)\.")
NORMS = "norm|final_norm|final_layernorm|final_layer_norm|ln_f|norm_f|embedding_norm"
AFTER = re.compile(rf"^(lm_head|embed_out|(model\.decoder|\w+)\.({NORMS}))\b")

# What layers come from: (model, first, end).
WAYS = {
    "same order": [("a", 0, 2), ("b", 2, LAYERS)],
    "other order": [("a", 2, 4), ("b", 0, 2), ("a", 4, LAYERS)],
    "stacked": [("a", 0, 4), ("b", 2, LAYERS)],
    "shifted": [("a", 1, 3), ("b", 1, 4)],
    "one layer twice": [("a", 0, 3), ("b", 2, LAYERS)],
}
# Of these the configuration cannot speak: dense layers come first, in periods, between two bounds. Zamba2 has its
# shared block in the first of the hybrid layers alone, with an adapter for each of them.
REFUSED = {
    "deepseek_v2": {"other order", "shifted"},
    "deepseek_v3": {"other order", "shifted"},
    "glm4_moe": {"other order", "shifted"},
    "afmoe": {"other order", "shifted"},
    "lfm2_moe": {"other order", "shifted"},
    "ernie4_5_moe": {"other order", "shifted"},
    "jamba": {"one layer twice"},
    "zamba2": {"stacked"},
}


def noisy(model, seed):
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=random))
    return model


def make(name, folder):
    torch.manual_seed(1)
    base = noisy(tf.AutoModelForCausalLM.from_config(FAMILIES[name](), dtype=torch.float32), 2).eval()
    models = {"a": base, "b": noisy(copy.deepcopy(base), 3)}
    for model, made in models.items():
        made.save_pretrained(folder / model)
    return models


def recipe_of(way):
    slices = [{"sources": [{"model": model, "layer_range": [first, end]}]} for model, first, end in way]
    return {"merge_method": "passthrough", "slices": slices}


def state_by_hand(models, way):
    """The state of a model whose layers are those of the way, in names of the running model."""
    states = {name: model.state_dict() for name, model in models.items()}
    first, last = way[0][0], way[-1][0]
    made = {}
    for name, tensor in states[first].items():
        if not STACK.match(name):
            made[name] = states[last][name] if AFTER.match(name) else tensor
    for place, (model, layer) in enumerate((m, k) for m, start, end in way for k in range(start, end)):
        for name, tensor in states[model].items():
            found = STACK.match(name)
            if found and int(found[2]) == layer:
                made[f"{found[1]}.{place}.{name[found.end():]}"] = tensor
    tables_by_hand(models, way, made)
    shared_by_hand(models, way, made)
    return made


def tables_by_hand(models, way, made):
    """Tensors of Gemma 3n that hold a stretch of every layer."""
    for ending, axis in (("embed_tokens_per_layer.weight", 1), ("per_layer_model_projection.weight", 0)):
        for name in [n for n in made if n.endswith(ending)]:
            of_layers = {m: model.state_dict()[name].chunk(LAYERS, dim=axis) for m, model in models.items()}
            stretches = [of_layers[m][k] for m, start, end in way for k in range(start, end)]
            made[name] = torch.cat(stretches, dim=axis)


def shared_by_hand(models, way, made):
    """Hybrid layers of Zamba share the block of the first layer 1 that comes along; another one keeps its own. The
    head stays tied."""
    layers = [(m, k) for m, start, end in way for k in range(start, end)]
    names = [n for n in made if ".shared_transf" in n]
    if names:
        holder = next(m for m, k in layers if k == 1)
        for name in names:
            if layers[int(STACK.match(name)[2])][1] != 1:
                made[name] = models[holder].state_dict()[STACK.sub(r"\1.1.", name)]
        made["lm_head.weight"] = made["model.embed_tokens.weight"]


def logits(model):
    with torch.no_grad():
        return model(input_ids=torch.arange(3, 15).view(1, 12)).logits


def loaded(out):
    model, report = tf.AutoModelForCausalLM.from_pretrained(out, dtype=torch.float32, output_loading_info=True)
    problems = {kind: report[kind] for kind in PROBLEMS if report.get(kind)}
    assert not problems, f"the library says {problems}"
    return model.eval()


def is_ambiguous(way, config):
    """Two layers bring a shared block of Zamba along: a loader ties them or does not."""
    return config.model_type.startswith("zamba") and sum(start <= 1 < end for _, start, end in way) > 1


def check(models, way, out):
    model = loaded(out)
    want, got = state_by_hand(models, way), model.state_dict()
    assert want.keys() == got.keys(), f"other tensors than by hand: {sorted(want.keys() ^ got.keys())}"
    wrong = [name for name in want if not torch.equal(want[name], got[name])]
    assert not wrong, f"other values than by hand: {wrong}"
    said = logits(model)
    assert torch.isfinite(said).all(), "the logits are not finite"
    if is_ambiguous(way, model.config):
        return
    by_hand = tf.AutoModelForCausalLM.from_config(model.config, dtype=torch.float32).eval()
    by_hand.load_state_dict(want)
    assert torch.equal(said, logits(by_hand)), "other logits than by hand"


def attempt(program, folder, out, models, name, title):
    recipe = folder / f"{title}.yml"
    recipe.write_text(yaml.safe_dump(recipe_of(WAYS[title])))
    outcome = program.run("merge", recipe, out, "--model-root", folder, "--quiet")
    if title in REFUSED.get(name, ()):
        assert outcome.code == 3 and "ARC031" in outcome.stderr, f"not refused: {outcome}"
        return
    assert outcome.code == 0, str(outcome)
    check(models, WAYS[title], out)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stockpot")
    parser.add_argument("--only", nargs="+", default=[""], metavar="TEXT")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="where models and outputs stay")
    asked = parser.parse_args()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    program, failures, count = Program(asked.stockpot), 0, 0
    with tempfile.TemporaryDirectory() as temporary:
        for name in FAMILIES:
            titles = [t for t in WAYS if any(text in f"{name}: {t}" for text in asked.only)]
            if not titles:
                continue
            folder = (asked.keep or Path(temporary)) / name
            models = make(name, folder)
            for number, title in enumerate(titles):
                count += 1
                try:
                    attempt(program, folder, folder / f"out-{number}", models, name, title)
                    print(f"ok       {name}: {title}", flush=True)
                except AssertionError as failure:
                    failures += 1
                    print(f"FAILED   {name}: {title}\n         {failure}", flush=True)
                except Exception:
                    failures += 1
                    print(f"FAILED   {name}: {title}\n{traceback.format_exc(limit=-2)}", flush=True)
    print(f"{count - failures} of {count} ok")
    return 1 if failures or not count else 0


if __name__ == "__main__":
    sys.exit(main())
