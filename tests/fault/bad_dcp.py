"""Distributed checkpoints that are damaged, or lie: each is refused by its code, soon and with little memory.

bad_dcp.py STOCKPOT

All are written by support/dcp.py when the test runs.
"""

import re
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support import dcp  # noqa: E402
from support import pytorch_bytes as pt  # noqa: E402
from support.program import Program  # noqa: E402
from support.refusals import LIMITS, SANITIZED, WORKERS  # noqa: E402

ARRAY = np.arange(24, dtype=np.float32).reshape(4, 6)
HUGE = 2**62


def boxes(*cut):
    return {"w": dcp.tensor("w", ARRAY, cut)}


def good():
    return {"w": dcp.tensor("w", ARRAY, [([0, 0], [2, 6]), ([2, 0], [2, 6])]), "v": dcp.whole("v", ARRAY, file="__1_0.distcp")}


def changed(item=None, tensor=None, name="w"):
    """A good checkpoint, one of whose items or tensors is something else."""
    tensors = good()
    for key, value in (item or {}).items():
        setattr(tensors[name].items[0], key, value)
    for key, value in (tensor or {}).items():
        setattr(tensors[name], key, value)
    return tensors


def of_other(value, storages):
    return {"content": pt.model_file(value, storages)}


def holes():
    tensors = boxes(([0, 0], [4, 6]))
    tensors["w"].items[0].count = [3, 6]
    return tensors


def many_that_overlap():
    """A hundred thousand boxes that are no grid: comparing each with each would take minutes. Fewer where reading them does."""
    boxes = 10_000 if SANITIZED else 100_000
    array = np.zeros((2 * boxes, 2), np.float32)
    item = dcp.item_of("w", array, [0, 0], [1, 2])
    items = []
    for row in range(boxes):
        start = [2 * row, 0]
        items.append(dcp.Item("w", start, [2 if row % 2 else 1, 2 if row % 2 else 1], item.content, offset=0))
    left = array.size - sum(i.count[0] * i.count[1] for i in items)
    items.append(dcp.Item("w", [0, 1], [left, 1], item.content, offset=0))
    return {"w": dcp.Tensor("float32", list(array.shape), items)}


BOXES = [
    ("a hole", holes(), "FMT051"),
    ("an overlap that fills a hole", boxes(([0, 0], [2, 6]), ([1, 0], [2, 6])), "FMT051"),
    ("an overlap of boxes of no grid", boxes(([0, 0], [3, 4]), ([2, 2], [2, 6 - 2]), ([0, 4], [2, 2])), "FMT051"),
    ("a box beyond its tensor", changed({"start": [HUGE, 0]}), "FMT051"),
    ("a box that wraps round", changed({"start": [2**63 - 1, 0], "count": [2**63 - 1, 6]}), "FMT051"),
    ("a box of other dimensions", changed({"start": [0], "count": [2]}), "FMT051"),
    ("very many boxes of no grid", many_that_overlap(), "FMT051"),
    ("a shape that overflows", changed(tensor={"shape": [2**40, 2**40]}), "FMT006"),
    ("33 dimensions", changed(tensor={"shape": [1] * 33}), "FMT005"),
    ("a negative size", changed(tensor={"shape": [-4, 6]}), "FMT050"),
]

PLACES = [
    ("a file that is not there", changed({"file": "../__0_0.distcp"}), "FMT002"),
    ("an absolute file", changed({"file": "/etc/passwd"}), "FMT002"),
    ("an item beyond its file", changed({"offset": HUGE}), "FMT050"),
    ("an item that is too long", changed({"length": HUGE}), "FMT050"),
    ("an item that ends early", changed({"length": 100}), "FMT030"),
    ("an item of no bytes", changed({"length": 0}), "FMT030"),
    ("items that overlap", changed({"offset": 64}), "FMT050"),
    ("compressed data", changed({"transforms": ["stream.zstd/1"]}), "FMT052"),
]

ITEMS = [
    ("an item of another shape", changed(of_other(pt.view(pt.storage("FloatStorage", "0", 12), 0, [3, 4]), (bytes(48),))), "FMT050"),
    ("an item of another type", changed(of_other(pt.view(pt.storage("IntStorage", "0", 12), 0, [2, 6]), (bytes(48),))), "FMT050"),
    ("an item that is a dictionary", changed(of_other(pt.EMPTY_DICT, ())), "FMT050"),
    ("an item that runs code", changed(of_other(pt.call(pt.name("os", "system"), pt.text("id")), ())), "FMT032"),
    ("an item that is no zip file", changed({"content": b"no zip file" * 50}), "FMT030"),
    ("a part that is a view", changed(of_other(pt.view(pt.storage("FloatStorage", "0", 12), 0, [2, 6], [1, 2]), (bytes(48),))), "FMT034"),
    ("a storage that is too small", changed(of_other(pt.view(pt.storage("FloatStorage", "0", 12), 0, [2, 6]), (bytes(40),))), "FMT034"),
    ("a type that is unknown", changed(tensor={"dtype": "complex128"}), "FMT035"),
    ("no tensors", {"optimizer.w": dcp.whole("optimizer.w", ARRAY)}, "FMT042"),
]  # fmt: skip

PICKLES = [
    ("nothing", b"", "FMT032"),
    ("no pickle", b"\x00" * 64, "FMT032"),
    ("a list", pt.PROTO + b"]" + pt.STOP, "FMT050"),
    ("code", pt.PROTO + pt.call(pt.name("posix", "system"), pt.text("id")) + pt.STOP, "FMT032"),
    ("an object without fields", pt.PROTO + pt.name(dcp.METADATA, "Metadata") + b")\x81" + pt.STOP, "FMT050"),
    ("a number for its fields", pt.PROTO + dcp.instance(dcp.METADATA, "Metadata", b"K\x01") + pt.STOP, "FMT050"),
]


def problem(program, folder, title, code):
    outcome = program.run("inspect", folder, prefix=LIMITS)
    if outcome.code != 4 or f"[{code}]" not in outcome.stderr:
        return f"{title}: not {code}: {outcome}"
    if len(outcome.reports) != 1 or not re.search(r"^  hint    \S", outcome.stderr, re.MULTILINE):
        return f"{title}: not one report with a hint: {outcome}"
    return None


def cut_short(program, folder):
    """.metadata cut anywhere, and with a byte changed: refused, or it reads as something; never anything else."""
    dcp.write(folder, good())
    file = folder / ".metadata"
    content = file.read_bytes()
    damaged = [content[:n] for n in range(0, len(content), 29)]
    damaged += [content[:n] + bytes([content[n] ^ 0x21]) + content[n + 1 :] for n in range(7, len(content), 41)]
    for number, bad in enumerate(damaged):
        file.write_bytes(bad)
        outcome = program.run("inspect", folder, prefix=LIMITS)
        assert outcome.code in (0, 4), f"damage {number}: {outcome}"
        assert outcome.code == 0 or len(outcome.reports) == 1, f"damage {number}: {outcome}"
    print(f".metadata damaged in {len(damaged)} ways: refused, or still a checkpoint")


def missing(program, folder):
    dcp.write(folder, good())
    (folder / "__1_0.distcp").unlink()
    assert problem(program, folder, "a missing file", "REF006") is None
    (folder / "__1_0.distcp").symlink_to("/etc/passwd")
    assert problem(program, folder, "a link that leads out", "FMT003") is None


def main(binary):
    program = Program(binary)
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        dcp.write(root / "good", good())
        program.must_run("inspect", root / "good")
        cases = [*BOXES, *PLACES, *ITEMS, *PICKLES]
        jobs = []
        with ThreadPoolExecutor(WORKERS) as pool:
            for number, (title, content, code) in enumerate(cases):
                folder = root / str(number)
                dcp.write(folder, good() if isinstance(content, bytes) else content)
                if isinstance(content, bytes):
                    (folder / ".metadata").write_bytes(content)
                jobs.append(pool.submit(problem, program, folder, title, code))
        problems = [job.result() for job in jobs if job.result()]
        assert not problems, f"{len(problems)} of {len(cases)}:\n" + "\n".join(problems)
        print(f"refused {len(cases)} checkpoints, each by its code")
        missing(program, root / "missing")
        cut_short(program, root / "cut")


if __name__ == "__main__":
    main(sys.argv[1])
