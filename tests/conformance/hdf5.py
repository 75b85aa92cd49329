"""HDF5 output, read by h5py: layout, element types, attributes, offsets, and the same values as the safetensors output.

hdf5.py STOCKPOT
"""

import json
import sys
import tempfile
from pathlib import Path

import h5py
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.checkpoints import DTYPE_NAMES, digests, read_model, write_model  # noqa: E402
from support.families import family  # noqa: E402
from support.program import Program, write_recipe  # noqa: E402

DTYPE_TEXTS = {np.dtype(t): name for name, t in DTYPE_NAMES.items()}
HOSTILE_NAMES = ["a/b", "100%/x", "..", "model.ünïcode", "nul", "nul\0and more"]


def escaped(name):
    text = name.replace("%", "%25").replace("/", "%2F").replace("\0", "%00")
    return "%2E" if text == "." else text


def recipe(method):
    weights = [{"model": m, "parameters": {"weight": w, "density": 0.4}} for m, w in (("a", 0.5), ("b", 1.5))]
    return {"merge_method": method, "base_model": "base", "models": weights, "parameters": {"rescale": False}}


def check_root(file, tensors):
    attributes = file.attrs
    assert text(attributes["format"]) == "stockpot-checkpoint", attributes["format"]
    assert attributes["format_version"] == 1 and attributes["format_version"].dtype == np.uint32
    assert attributes["tensor_count"] == len(tensors) and attributes["tensor_count"].dtype == np.uint64
    assert "stockpot" in text(attributes["producer"]).lower(), attributes["producer"]
    assert sorted(file) == ["meta", "tensors"], list(file)
    assert sorted(file["tensors"]) == sorted(escaped(name) for name in tensors)


def text(attribute):
    return attribute.decode() if isinstance(attribute, bytes) else str(attribute)


def check_values(file, tensors):
    """h5py shows bfloat16, which NumPy lacks, as float32; everything else as it is."""
    for name, want in tensors.items():
        dataset = file["tensors"][escaped(name)]
        dtype = DTYPE_TEXTS[want.dtype]
        assert text(dataset.attrs["dtype"]) == dtype, f"{name}: {dataset.attrs['dtype']}"
        shown = np.dtype(np.float32) if dtype == "BF16" else want.dtype
        assert dataset.dtype == shown and dataset.shape == want.shape, f"{name}: {dataset.dtype} {dataset.shape}"
        assert dataset.chunks is None and dataset.compression is None, f"{name} is not contiguous"
        got = dataset[()]
        assert np.asarray(got).tobytes() == want.astype(shown).tobytes(), f"{name}: other values"


def check_catalogue(path, file, tensors):
    """Any program can find the bytes without HDF5."""
    catalogue = json.loads(bytes(file["meta/catalogue"][()]))["tensors"]
    assert sorted(catalogue) == sorted(tensors)
    content = path.read_bytes()
    for name, want in tensors.items():
        entry = catalogue[name]
        assert entry["dtype"] == DTYPE_TEXTS[want.dtype] and entry["shape"] == list(want.shape), entry
        assert entry["nbytes"] == want.nbytes, entry
        found = content[entry["offset"] : entry["offset"] + entry["nbytes"]]
        assert found == want.tobytes(), f"{name}: its bytes are not at {entry['offset']}"


def linear(name, *models):
    document = {"merge_method": "linear", "models": [{"model": m, "parameters": {"weight": 0.5}} for m in models]}
    return json.dumps({"name": name, **document} if name else document)


def check_stages(program, folder):
    """HDF5 cannot be read: stages that others read are safetensors, those that nobody reads are what was asked for."""
    text = "\n---\n".join((linear("half", "a", "b"), linear("other", "a", "base"), linear("", "half", "base")))
    recipe = write_recipe(text, folder / "stages.yaml")
    options = ("--model-root", folder / "models")
    said = program.must_run("check", recipe, *options, "--output-format", "hdf5")
    assert "stages.yaml:1:" in said.stderr and "STG007" in said.stderr, said.stderr
    program.must_run("merge", recipe, folder / "staged-plain", *options)
    want = read_model(folder / "staged-plain").tensors
    program.must_run("merge", recipe, folder / "staged", *options, "--output-format", "hdf5")
    kept = folder / "kept"
    multi = ("multi", recipe, folder / "multi", "-I", kept, *options, "--output-format", "hdf5")
    program.must_run(*multi)
    for out in ("staged", "multi"):
        with h5py.File(folder / out / "model.h5") as file:
            check_values(file, want)
    found = {str(path.relative_to(kept)) for path in kept.glob("*/model.*")}
    assert found == {"half/model.safetensors", "other/model.h5"}, found
    again = program.must_run("multi", recipe, folder / "again", *multi[3:])
    assert again.stderr.count("is there already") == 2, f"finished stages are made again: {again}"
    print("stages that are read are safetensors, others HDF5, and both are found again")


def main(binary):
    program = Program(binary)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for name, model in family(2, seed=5).items():
            for i, hostile in enumerate(HOSTILE_NAMES):
                model.tensors[hostile] = np.full((2, 3), i + 0.5, np.float32)
            write_model(folder / "models" / name, model)
        for method in ("task_arithmetic", "ties"):
            options = ["--model-root", folder / "models"]
            program.merge(recipe(method), folder / f"{method}-plain", *options)
            want = read_model(folder / f"{method}-plain").tensors
            one, three = folder / f"{method}-1", folder / f"{method}-3"
            program.merge(recipe(method), one, *options, "--output-format", "hdf5")
            program.merge(recipe(method), three, *options, "--output-format", "hdf5", "--unit", "64KiB", ranks=3)
            with h5py.File(one / "model.h5") as file:
                check_root(file, want)
                check_values(file, want)
                check_catalogue(one / "model.h5", file, want)
            found = [{k: v for k, v in digests(out).items() if k != "README.md"} for out in (one, three)]
            differing = sorted(k for k in found[0] if found[0][k] != found[1].get(k))
            assert not differing, f"three ranks give other bytes: {differing}"
            assert not (one / "model.safetensors").exists()
            print(f"{method}: {len(want)} datasets equal the safetensors output; offsets, attributes and ranks agree")
            for out, ranks in ((one, 1), (three, 3)):
                program.must_run("verify", out, ranks=ranks)
            print(f"{method}: verified on one rank and on three")
        (one / "pytorch_model.bin").write_bytes((one / "model.h5").read_bytes())
        outcome = program.run("verify", one)
        assert outcome.code == 10 and "pytorch_model.bin: not of this output" in outcome.stderr, outcome
        check_stages(program, folder)


if __name__ == "__main__":
    main(sys.argv[1])
