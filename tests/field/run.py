"""Merges small models of ten architectures in every form of recipe and loads what comes out as users do.

    run.py STOCKPOT [--models FOLDER] [--only TEXT ...] [--keep FOLDER]

By hand, with tests/field/venv's Python; FOLDER is made by models.py (anew in a temporary folder without the option).
Every case ends as `ok`, `FAILED` or `not yet`, the last if the program says that it does not support the form; the exit
code is 1 if any failed. TEXT selects cases whose line contains it.
"""

import argparse
import subprocess
import sys
import tempfile
import traceback
from collections import Counter
from pathlib import Path

import torch
import yaml
from architectures import ARCHITECTURES
from cases import cases_of
from expectations import assert_close
from family import Family
from loading import load, logits, tokenizer_of
from transformers.utils import logging
from vocabularies import SAMPLE

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.program import Program  # noqa: E402


class NotYet(Exception):
    """The program says so itself."""


def run(program, *arguments):
    outcome = program.run(*arguments)
    if outcome.code and ("yet" in outcome.stderr or "unknown command" in outcome.stderr):
        raise NotYet(outcome.stderr.splitlines()[0])
    assert outcome.code == 0, f"stockpot {arguments[0]}: {outcome}"


def merge(program, family, case, out):
    """By the commands that a user would try one after another."""
    documents = case.recipe if isinstance(case.recipe, list) else [case.recipe]
    recipe = out.with_suffix(".yml")
    recipe.write_text(yaml.safe_dump_all(documents, sort_keys=False))
    root = ("--model-root", family.folder)
    if len(documents) > 1:
        stages = out.with_suffix(".stages")
        run(program, "multi", recipe, "-I", stages, "--out-path", out, *root, "--quiet", *case.options)
    else:
        run(program, "plan", recipe, *root)
        run(program, "merge", recipe, out, *root, "--quiet", *case.options)
    run(program, "verify", out)


def check_layers(loaded):
    """The configuration counts the layers that are there: the library would make up those that are not."""
    value = loaded.config
    for key in loaded.architecture.layers_key:
        value = value[key]
    stack = loaded.architecture.stack
    names = [name[len(stack) + 1 :] for name in loaded.state if name.startswith(stack + ".")]
    layers = len({name.split(".")[0] for name in names})
    assert value == layers, f"{value} layers in config.json, {layers} in the model"


def check_vocabulary(loaded):
    tokenizer = tokenizer_of(loaded.directory)
    rows = loaded.model.get_input_embeddings().weight.shape[0]
    assert max(tokenizer.get_vocab().values()) < rows, "tokens without a row"
    text = tokenizer.decode(tokenizer(SAMPLE)["input_ids"], skip_special_tokens=True)
    assert text == SAMPLE, f"{SAMPLE!r} came back as {text!r}"


def check(family, case, out):
    loaded = load(family.architecture, out)
    assert not loaded.problems, f"the library says {loaded.problems}"
    assert torch.isfinite(logits(loaded)).all(), "the logits are not finite"
    check_layers(loaded)
    check_vocabulary(loaded)
    if case.expected:
        assert_close(loaded.state, case.expected(), case.tolerance)
    if case.check:
        case.check(loaded)


def attempt(program, family, case, out):
    """-> how it ended, and why"""
    try:
        merge(program, family, case, out)
        check(family, case, out)
    except NotYet as reason:
        return "not yet", str(reason)
    except AssertionError as failure:
        return "FAILED", str(failure)
    except Exception:  # the library may refuse what we wrote in any way: that is a result
        return "FAILED", traceback.format_exc(limit=-2)
    return "ok", ""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stockpot")
    parser.add_argument("--models", type=Path)
    parser.add_argument("--only", nargs="+", default=[""], metavar="TEXT")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="where outputs stay")
    asked = parser.parse_args()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    program, ends = Program(asked.stockpot), Counter()
    with tempfile.TemporaryDirectory() as temporary:
        models = asked.models or Path(temporary) / "models"
        if not asked.models:
            subprocess.run([sys.executable, Path(__file__).with_name("models.py"), models], check=True)
        outputs = asked.keep or Path(temporary) / "outputs"
        for name in (n for n in ARCHITECTURES if (models / n).exists()):
            (outputs / name).mkdir(parents=True)
            family = Family(models, name)
            for number, case in enumerate(cases_of(family)):
                title = f"{name}: {case.title}"
                if not any(text in title for text in asked.only):
                    continue
                end, why = attempt(program, family, case, outputs / name / f"out-{number}")
                ends[end] += 1
                print(f"{end:8} {title}" + (f"\n         {why}" if end == "FAILED" else ""), flush=True)
    print(", ".join(f"{count} {end}" for end, count in sorted(ends.items())))
    return 1 if ends["FAILED"] or not ends["ok"] else 0


if __name__ == "__main__":
    sys.exit(main())
