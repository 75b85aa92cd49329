"""Recipes, models and places that cannot be merged: exit code, one report with a hint, nothing left behind.

bad_input.py STOCKPOT
"""

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.adapters import Adapter  # noqa: E402
from support.checkpoints import write_model  # noqa: E402
from support.placement import Model  # noqa: E402
from support.program import Program, write_recipe  # noqa: E402
from support.refusals import Refusal, check_all, tree  # noqa: E402
from support.wrong_models import NORM, Models  # noqa: E402

USAGE, RECIPE, INPUT, EXISTS, STORAGE = 2, 3, 4, 6, 7


def recipe_cases(models):
    good = models.linear("a", "b")
    text = json.dumps(good)
    ties = models.task("base", "a") | {"merge_method": "ties"}
    without_weight = {"merge_method": "linear", "models": [{"model": models.path("a")}, {"model": models.path("b")}]}
    return [
        Refusal(
            "unknown key with --strict",
            good | {"merge_methods": 1},
            RECIPE,
            [r"yaml:\d+:\d+: error\[CFG006\]: .*merge_methods|CFG006", "merge_method"],
            options=("--strict",),
        ),
        Refusal(
            "unknown key in the stockpot block",
            good | {"stockpot": {"sead": 1}},
            RECIPE,
            [r"yaml:\d+:\d+: error\[CFG006\]", "sead", "seed"],
        ),
        Refusal("unknown method", good | {"merge_method": "slrep"}, RECIPE, [r"CFG011", "slrep", "slerp"]),
        Refusal("unknown dtype", good | {"dtype": "bfloat"}, RECIPE, [r"CFG060", "bfloat16"]),
        Refusal(
            "broken YAML", "merge_method: [linear\nmodels:", RECIPE, [r"yaml:\d+:\d+: error\[CFG002\]"], hint=False
        ),
        Refusal("bytes that are no UTF-8 text", "merge_method: linear\0", RECIPE, ["CFG00[124]"], hint=False),
        Refusal("empty recipe", "", RECIPE, [r"CFG010"]),
        Refusal("no models", {"merge_method": "linear", "models": []}, RECIPE, ["CFG012"]),
        Refusal("weight without value", without_weight, RECIPE, ["CFG041", "weight"]),
        Refusal(
            "weight is text",
            json.loads(text.replace('"weight": 1', '"weight": "heavy"')),
            RECIPE,
            ["CFG021", "heavy"],
            hint=False,
        ),
        Refusal(
            "weights add up to nothing", json.loads(text.replace('"weight": 1', '"weight": 0')), RECIPE, ["weight"]
        ),
        Refusal(
            "weights add up to infinity", json.loads(text.replace('"weight": 1', '"weight": 2e38')), RECIPE, ["CFG053"]
        ),
        Refusal("weights have lost bits", json.loads(text.replace('"weight": 1', '"weight": 1e-43')), RECIPE, ["CFG053"]),
        Refusal(
            "weights of task vectors add up to infinity",
            json.loads(text.replace('"weight": 1', '"weight": 2e38')) | {"merge_method": "ties", "base_model": models.path("base")},
            RECIPE,
            ["CFG053"],
        ),
        Refusal(
            "density above one",
            ties | {"parameters": {"density": 1.5}},
            RECIPE,
            ["CFG052", "density", "1.5", "0, 1"],
            hint=False,
        ),
        Refusal(
            "too few models",
            {
                "merge_method": "slerp",
                "base_model": models.path("base"),
                "parameters": {"t": 0.5},
                "models": [{"model": models.path("base")}],
            },
            RECIPE,
            ["CFG050", "slerp"],
            hint=False,
        ),
        Refusal("no base", {k: v for k, v in ties.items() if k != "base_model"}, RECIPE, ["base"]),
        Refusal("one model twice", models.linear("a", "a"), RECIPE, ["ARC023", models.path("a")]),
        Refusal("model reference with two revisions", good | {"base_model": "a@b@c"}, RECIPE, ["REF002"]),
        Refusal("unknown option", good, USAGE, ["--frobnicate"], options=("--frobnicate",)),
        Refusal(
            "unknown variable", good, RECIPE, ["STOCKPOT_THREDS", "STOCKPOT_THREADS"], env={"STOCKPOT_THREDS": "2"}
        ),
    ] + [
        Refusal(
            f"no such stage {' '.join(shows)}", two_stages(models), RECIPE, ["STG006", "nope"], ("--only", "nope", *shows), hint=False
        )
        for shows in ((), ("--dry-run",), ("--explain", "w"))
    ]


def model_cases(models):
    missing = models.changed("without_norm", NORM, None)
    shape = models.changed("other_shape", NORM, np.zeros((7, 5), np.float32))
    return [
        Refusal("no such model", models.linear("a", models.path("nowhere")), INPUT, ["REF004", "nowhere"]),
        Refusal("a model name off by one letter", models.linear("a", models.path("bas")), INPUT, ["REF004", "base"]),
        Refusal("other shape", models.linear("a", shape), INPUT, ["TEN004", NORM, r"\b7\b.*\b5\b", r"\b96\b"]),
        Refusal("base without a tensor", models.task("without_norm", "a"), INPUT, ["TEN002", NORM, missing]),
        Refusal(
            "missing tensors are forbidden",
            models.linear("a", missing, stockpot={"missing": "error"}),
            INPUT,
            ["TEN00[12]", NORM],
        ),
        Refusal("models with hardly a tensor in common", models.linear("a", stranger(models)), RECIPE, ["TEN008"]),
    ]


def stranger(models):
    tensors = {f"other.{name}": values for name, values in models.good["a"].tensors.items()}
    write_model(models.folder / "stranger", Model(tensors, models.good["a"].config))
    return models.path("stranger")


def foreign_dtype_cases(models):
    """Types that are copied but never averaged."""
    cases = []
    for dtype, size in (("F8_E8M0", 8), ("C64", 64), ("F4", 4)):
        folder = models.folder / f"stored_as_{dtype}"
        folder.mkdir()
        header = {"w": {"dtype": dtype, "shape": [16], "data_offsets": [0, 16 * size // 8]}}
        raw = json.dumps(header).encode()
        (folder / "model.safetensors").write_bytes(len(raw).to_bytes(8, "little") + raw + bytes(16 * size // 8))
        (folder / "config.json").write_text("{}")
        shutil.copytree(folder, f"{folder}_too")
        recipe = models.linear(str(folder), f"{folder}_too")
        cases.append(Refusal(f"{dtype} in a mean", recipe, INPUT, ["TEN003", dtype, "tensor w"], hint=False))
    return cases


def file_cases(models):
    cases = []

    def case(title, model, says, hint=False):
        cases.append(Refusal(title, models.linear(str(model)), INPUT, says, hint=hint))

    def with_index(name, edit):
        model = models.sharded(name)
        index = json.loads((model / "model.safetensors.index.json").read_text())
        edited = edit(index)
        (model / "model.safetensors.index.json").write_text(edited if isinstance(edited, str) else json.dumps(index))
        return model

    def map_to(file):
        return lambda index: index["weight_map"].update({NORM: file})

    second = "model-00002-of-00003.safetensors"
    for left in (1, 2):
        partial = models.sharded(f"partial_{left}")
        (partial / "model.safetensors.index.json").unlink()
        for number in range(left, 3):
            (partial / f"model-0000{number + 1}-of-00003.safetensors").unlink()
        case(f"{left} of 3 shards, no index", partial, ["REF006", rf"{left} of 3", str(partial)], hint=True)
    case("an index of nothing", with_index("nothing", lambda _: '{"weight_map": {}}'), ["FMT001", "index"])
    truncated = models.sharded("truncated")
    os.truncate(truncated / second, (truncated / second).stat().st_size - 1000)
    case("truncated shard", truncated, ["FMT027", second], hint=True)
    missing = models.sharded("missing_shard")
    (missing / second).unlink()
    case("missing shard", missing, [second], hint=True)
    cut = models.sharded("cut_header")
    os.truncate(cut / second, 100)
    case("shard cut inside its header", cut, ["FMT020", second])
    fifo = models.sharded("fifo")
    (fifo / second).unlink()
    os.mkfifo(fifo / second)
    case("a FIFO instead of a shard", fifo, ["FMT004", second])
    link = models.sharded("link")
    (link / second).rename(models.folder / "elsewhere.safetensors")
    (link / second).symlink_to(models.folder / "elsewhere.safetensors")
    case("a shard that is a link to elsewhere", link, ["FMT003", second])
    case("index leads out of the directory", with_index("climbs", map_to("../a/model.safetensors")), ["FMT002"])
    case("index with an absolute path", with_index("absolute", map_to("/etc/passwd")), ["FMT002", "passwd"])
    case(
        "index names a tensor that its shard lacks",
        with_index("lacks", lambda i: i["weight_map"].update({"model.nothing": second})),
        ["FMT010", "model.nothing"],
    )
    case(
        "index names a tensor twice",
        with_index(
            "twice", lambda i: json.dumps(i).replace('"weight_map": {', f'"weight_map": {{"{NORM}": "{second}", ')
        ),
        ["FMT011", NORM],
    )
    case("index is no JSON", with_index("no_json", lambda i: "{"), ["FMT022", "index.json"])
    case("index without a map", with_index("no_map", lambda i: '{"metadata": {}}'), ["FMT022", "index.json"])
    empty = models.folder / "empty_directory"
    empty.mkdir()
    case("directory without weights", empty, ["FMT001", "empty_directory"])
    for title, content, code in (
        ("a GGUF file", b"GGUF\3\0\0\0" + bytes(64), "FMT0(01|70)"),
        ("a text", b"hello " * 20, "FMT0(01|20)"),
        ("a NumPy file", b"\x93NUMPY" + bytes(64), "FMT001"),
    ):
        path = models.folder / f"{title.split()[1]}.safetensors"
        path.write_bytes(content)
        case(title, path, [code, path.name])
    broken = models.sharded("config")
    (broken / "config.json").write_text("{")
    case("config.json is no JSON", broken, ["config.json"])
    return cases


def two_stages(models):
    half = models.linear("a", "b") | {"name": "half"}
    return "\n---\n".join(map(json.dumps, (half, models.linear("half", "b")))).replace(models.path("half"), "half")


def place_cases(models):
    good = models.linear("a", "b")
    folder = models.folder
    (folder / "full").mkdir()
    (folder / "full" / "something").write_text("precious")
    (folder / "a_file").write_text("precious")
    inside = folder / "a" / "merged"
    layer, adapter = "model.layers.0.self_attn.q_proj", Adapter(r=2)
    rows, columns = models.good["a"].tensors[f"{layer}.weight"].shape
    adapter.tensors = {
        f"{layer}.lora_A.weight": np.ones((2, columns), np.float32),
        f"{layer}.lora_B.weight": np.ones((rows, 2), np.float32),
    }
    adapted = models.linear(f"{models.path('a')}+{adapter.write(folder / 'lora')}", "b")
    staged = two_stages(models)
    over, stages = ("--overwrite",), folder / "stages"
    beside = "\n---\n".join(map(json.dumps, (models.linear("b") | {"name": "a"}, good)))
    only = (*over, "--no-lazy", "-I", folder, "--only", "a")
    return [
        Refusal("output exists", good, EXISTS, ["OUT001", str(folder / "full")], out=folder / "full", survives=True),
        Refusal(
            "output is a file", good, EXISTS, ["OUT001", str(folder / "a_file")], out=folder / "a_file", survives=True
        ),
        Refusal("output inside an input", good, EXISTS, ["OUT002", str(inside)], out=inside),
        Refusal("output is an input", good, EXISTS, ["OUT00[12]"], out=folder / "a", survives=True),
        Refusal("output holds the inputs", good, EXISTS, ["OUT00[12]"], out=folder, survives=True),
        Refusal("output replaces an adapter", adapted, EXISTS, ["OUT002", "lora"], over, out=folder / "lora", survives=True),
        Refusal("output replaces a model of a stage", staged, EXISTS, ["OUT002"], over, out=folder / "a", survives=True),
        Refusal("stage replaces a model of another document", beside, EXISTS, ["OUT002"], only, out=folder / "a", survives=True),
        Refusal("output holds a stage", staged, EXISTS, ["OUT002", "half"], ("-I", stages), out=stages),
        Refusal("output under a file", good, STORAGE, ["a_file"], out=folder / "a_file" / "out", hint=False),
        Refusal(
            "output in a directory that is not there", good, STORAGE, ["not_there"], out=folder / "not_there" / "out"
        ),
    ]


def check_warnings(program, models):
    """What is odd but not wrong is said and done."""
    recipe = write_recipe(models.linear("a", "b") | {"merge_methods": 1}, models.folder / "odd.yaml")
    outcome = program.must_run("merge", recipe, models.folder / "odd")
    assert "CFG006" in outcome.stderr and "merge_method" in outcome.stderr, outcome
    (models.folder / "empty_out").mkdir()
    program.must_run(
        "merge", write_recipe(models.linear("a", "b"), models.folder / "good.yaml"), models.folder / "empty_out"
    )
    assert (models.folder / "empty_out" / "model.safetensors").exists()
    print("an unknown key warns, an empty output directory counts as absent")


def check_own_recipe(program, models):
    """An output that was made by a recipe that lies in it now."""
    out = models.folder / "good"
    program.must_run("merge", write_recipe(models.linear("a", "b"), models.folder / "good.yaml"), out)
    before = tree(out)
    outcome = program.run("merge", out / "mergekit_config.yml", out, "--overwrite")
    assert outcome.code == EXISTS and "OUT002" in outcome.stderr and tree(out) == before, outcome
    print("an output is not replaced by way of the recipe in it")


def check_stage_of_another_program(program, models):
    """A model that lies where a stage would is used, and stays."""
    stages, out = models.folder / "stages_of_others", models.folder / "of_a_stage"
    shutil.copytree(models.path("a"), stages / "half")
    before, recipe = tree(stages), write_recipe(two_stages(models), f"{out}.yaml")
    outcome = program.must_run("merge", recipe, out, "-I", stages, "--no-keep-intermediates")
    assert "is there already" in outcome.stderr and tree(stages) == before, outcome
    program.must_run("merge", recipe, f"{out}_2", "-I", models.folder / "own_stages", "--no-keep-intermediates")
    assert not (models.folder / "own_stages" / "half").exists()
    print("of the stages that are not kept, those of another program stay")


def check_odd_names(program, models):
    """Names of files may be anything that the system takes."""
    for number, name in enumerate((b"mod\xe8le.safetensors", b"back\\slash.safetensors", b"line\nfeed.safetensors")):
        odd = models.folder / f"odd_name_{number}"
        shutil.copytree(models.path("a"), odd)
        os.rename(odd / "model.safetensors", os.path.join(os.fsencode(odd), name))
        out = models.folder / f"of_odd_name_{number}"
        recipe = {"merge_method": "passthrough", "models": [{"model": str(odd)}]}
        program.must_run("merge", write_recipe(recipe, f"{out}.yaml"), out)
        program.must_run("verify", out)
        program.must_run("status", out)
        program.must_run("inspect", out)
    outcome = program.run("convert", os.fsdecode(b"mod\xe8le"), models.folder / "converted")
    assert outcome.code == USAGE and "UTF-8" in outcome.stderr, outcome
    print("names that are no text, and hold what paths may not, are recorded, and read again")


def main(binary):
    program = Program(binary)
    with tempfile.TemporaryDirectory() as temporary:
        models, runs = Models(Path(temporary) / "models"), Path(temporary) / "runs"
        runs.mkdir()
        check_all(program, runs, recipe_cases(models))
        check_all(program, runs, model_cases(models) + foreign_dtype_cases(models))
        check_all(program, runs, file_cases(models))
        places = place_cases(models)
        for ranks in (1, 3):  # not together: they look at the same places
            check_all(program, runs, places, ranks=(ranks,))
        check_warnings(program, models)
        check_own_recipe(program, models)
        check_stage_of_another_program(program, models)
        check_odd_names(program, models)


if __name__ == "__main__":
    main(sys.argv[1])
