"""PyTorch files that are damaged, or made to harm: each is refused by its code, soon and with little memory.

bad_pytorch.py STOCKPOT

All are written by support/pytorch_bytes.py when the test runs, but for those that torch made (tests/data/pytorch).
"""

import re
import struct
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support import pytorch_bytes as pt  # noqa: E402
from support.program import Program  # noqa: E402
from support.refusals import LIMITS, WORKERS  # noqa: E402

PYTORCH = Path(__file__).resolve().parents[1] / "data" / "pytorch"
RUNS_CODE = "tries to run code"

STORED = pt.storage("FloatStorage", "0", 7)
DATA = bytes(28)
ODD = pt.name("argparse", "Namespace")


def one(value, *storages):
    return pt.model_file(pt.dictionary({"w": value}), storages or (DATA,))


def beside(value):
    return pt.model_file(pt.dictionary({"good": pt.view(STORED, 0, [7]), "w": value}), (DATA,))


def raw_pickle(opcodes, **options):
    return pt.archive([("a/data.pkl", opcodes), ("a/data/0", DATA)], **options)


def viewed(offset, shape, strides, stored=STORED):
    return one(pt.view(stored, offset, shape, strides))


def with_records(*records, **options):
    good = pt.PROTO + pt.dictionary({"w": pt.view(STORED, 0, [7])}) + pt.STOP
    return pt.archive([("a/data.pkl", good), ("a/data/0", DATA), *records], **options)


def runs(module, what, *arguments):
    return one(pt.call(pt.name(module, what), *arguments))


def nested(depth):
    opened = (pt.EMPTY_DICT + pt.text("d")) * depth
    return pt.model_file(opened + pt.view(STORED, 0, [7]) + b"s" * depth, (DATA,))


def doubling():
    """Thirty dictionaries, each twice in the next: 2^30 names."""
    value = pt.EMPTY_DICT + pt.text("w") + pt.view(STORED, 0, [7]) + b"s"
    for level in range(30):
        memo = bytes([level])
        value += b"q" + memo + b"0" + pt.EMPTY_DICT + b"(" + pt.text("a") + b"h" + memo + pt.text("b") + b"h" + memo + b"u"
    return pt.model_file(value, (DATA,))


def replaced(content, old, new):
    assert old in content
    return content.replace(old, new)


GOOD = with_records()

CODE = [
    ("os.system", runs("os", "system", pt.text("id")), RUNS_CODE),
    ("posix.system", runs("posix", "system", pt.text("id")), RUNS_CODE),
    ("subprocess", runs("subprocess", "Popen", pt.text("id")), RUNS_CODE),
    ("eval", runs("builtins", "eval", pt.text("1")), RUNS_CODE),
    ("exec of Python 2", runs("__builtin__", "exec", pt.text("1")), RUNS_CODE),
    ("import", runs("importlib", "import_module", pt.text("os")), RUNS_CODE),
    ("runpy", runs("runpy", "run_path", pt.text("/x")), RUNS_CODE),
    ("a name from the stack", one(b"\x8c\x02os\x8c\x06system\x93" + pt.pack(pt.text("id")) + pt.REDUCE), RUNS_CODE),
    ("sys below a tensor's hooks", one(pt.view(STORED, 0, [7], None, pt.name("sys", "exit"))), RUNS_CODE),
]

PICKLES = [
    ("INST", b"\x80\x02(ios\nsystem\n."),
    ("EXT1", b"\x80\x02\x82\x01."),
    ("PERSID as text", b"\x80\x02P0\n."),
    ("LONG as text", b"\x80\x02L1L\n."),
    ("out-of-band buffer", b"\x80\x05\x97."),
    ("protocol 6", b"\x80\x06N."),
    ("LONG1 cut off", b"\x80\x02\x8a\xff"),
    ("LONG4 beyond the end", b"\x80\x02\x8b" + struct.pack("<I", 2**31) + b"."),
    ("frame of 2^64 bytes", b"\x80\x04\x95" + b"\xff" * 8 + b"N."),
    ("text of 4 GiB", b"\x80\x02X\xff\xff\xff\xffa."),
    ("bytes of 2^63", b"\x80\x05\x8e" + struct.pack("<Q", 2**63) + b"."),
    ("no STOP", b"\x80\x02}"),
    ("empty pickle", b""),
    ("STOP with an empty stack", b"\x80\x02."),
    ("STOP with two values", b"\x80\x02NN."),
    ("TUPLE without MARK", b"\x80\x02Nt."),
    ("memo that was never put", b"\x80\x02h\x07."),
    ("key without value", b"\x80\x02}(Nu."),
    ("items into a number", b"\x80\x02K\x01Na."),
    ("a million MARKs", b"\x80\x02" + b"(" * 10**6),
    ("persistent id that is no tuple", b"\x80\x02NQ."),
    ("global without an end", b"\x80\x02cos"),
]

ZIPS = [
    ("cut in the middle", GOOD[: len(GOOD) // 2], "FMT030"),
    ("last byte missing", GOOD[:-1], "FMT030"),
    ("signature alone", b"PK\3\4", "FMT030"),
    ("a byte after the end", GOOD + b"x", "FMT030"),
    ("bytes before the first entry", pt.archive([("a/data.pkl", b"N.")], before=b"PK\3\4hidden"), "FMT030"),
    ("name twice", with_records(("a/data/0", DATA)), "FMT030"),
    ("local name differs", with_records(("a/data/1", DATA, {"local_title": "a/data/2"})), "FMT030"),
    ("compressed entry", with_records(("a/data/1", DATA, {"method": 8})), "FMT031"),
    ("encrypted entry", with_records(("a/data/1", DATA, {"flags": 1})), "FMT031"),
    ("two sizes", with_records(("a/data/1", DATA, {"packed": 5})), "FMT030"),
    ("entry longer than the file", with_records(("a/data/1", DATA, {"stated": 10**9})), "FMT030"),
    ("64-bit size without field", with_records(("a/data/1", DATA, {"stated": 2**32 - 1})), "FMT030"),
    ("entry count too high", with_records(end={"entries": 1000}), "FMT030"),
    ("entry count of 2^63", with_records(end={"entries": 2**63}), "FMT005"),
    ("list of 2^63 bytes", with_records(end={"bytes": 2**63}), "FMT005"),
    ("list beyond the end", with_records(end={"offset": 2**63}), "FMT030"),
    ("two ends that disagree", with_records(end={"low": [1, 50, 0]}), "FMT030"),
    ("64-bit end elsewhere", with_records(end={"locator": 2**62}), "FMT030"),
    ("entries on the same bytes", None, "FMT030"),
    ("a NumPy archive", pt.archive([("x.npy", b"")]), "FMT001"),
    ("TorchScript", with_records(("a/constants.pkl", b"N.")), "FMT041"),
    ("big-endian", with_records(("a/byteorder", b"big")), "FMT035"),
    ("version 99", with_records(("a/version", b"99\n")), "FMT001"),
    ("two pickles", with_records(("b/data.pkl", b"N.")), "FMT030"),
]

TENSORS = [
    ("view beyond its storage", viewed(5, [3], [1]), "FMT034"),
    ("stride beyond its storage", viewed(0, [2, 2], [7, 1]), "FMT034"),
    ("negative offset", viewed(-1, [2], [1]), "FMT034"),
    ("negative size", viewed(0, [-2], [1]), "FMT034"),
    ("negative stride", viewed(6, [2], [-1]), "FMT034"),
    ("sizes and strides of other lengths", viewed(0, [2], [1, 1]), "FMT034"),
    ("offset of 2^64", viewed(2**64, [1], [1]), "FMT034"),
    ("stride that overflows", viewed(0, [3], [2**62]), "FMT034"),
    ("storage longer than its record", viewed(0, [8], [1], pt.storage("FloatStorage", "0", 8)), "FMT034"),
    ("storage of 2^62 elements", viewed(0, [8], [1], pt.storage("DoubleStorage", "0", 2**62)), "FMT034"),
    ("storage that is not there", viewed(0, [7], [1], pt.storage("FloatStorage", "../0", 7)), "FMT034"),
    ("storage that is a number", viewed(0, [7], [1], pt.number(5)), "FMT034"),
    ("storage without type", viewed(0, [7], [1], pt.storage("UntypedStorage", "0", 28, "torch.storage")), "FMT034"),
    ("quantised storage", viewed(0, [7], [1], pt.storage("QInt8Storage", "0", 7)), "FMT035"),
    ("size that overflows", viewed(0, [2**32, 2**32], [0, 0]), "FMT006"),
    ("4 GiB out of 28 bytes", viewed(0, [2**30], [0]), "FMT005"),
    ("33 dimensions", viewed(0, [1] * 33, [1] * 33), "FMT005"),
    ("call without arguments", one(pt.call(pt.name("torch._utils", "_rebuild_tensor_v2"))), "FMT034"),
    ("sparse", one(pt.call(pt.name("torch._utils", "_rebuild_sparse_tensor"), 1)), "FMT035"),
    ("part of a distributed tensor", one(pt.call(pt.name("torch._utils", "_rebuild_wrapper_subclass"), 1)), "FMT035"),
    ("hidden in an object", beside(pt.call(ODD, pt.view(STORED, 0, [7]))), "FMT033"),
    ("hidden in the state of an object", beside(ODD + b")\x81" + pt.view(STORED, 0, [7]) + b"b"), "FMT033"),
    ("no tensors", pt.model_file(pt.dictionary({"a": pt.number(1)})), "FMT042"),
    ("a list", pt.model_file(b"]"), "FMT042"),
    ("two dictionaries alike",
     pt.model_file(pt.dictionary({k: pt.dictionary({"w": pt.view(STORED, 0, [7])}) for k in "xy"}), (DATA,)), "FMT042"),
    ("name twice", pt.model_file(b"}(" + 2 * (pt.text("w") + pt.view(STORED, 0, [7])) + b"u", (DATA,)), "FMT011"),
    ("key that is a tuple", pt.model_file(b"}(" + pt.text("w") + pt.view(STORED, 0, [7]) + b")Nu", (DATA,)), "FMT032"),
    ("name of 5000 bytes", pt.model_file(pt.dictionary({"w" * 5000: pt.view(STORED, 0, [7])}), (DATA,)), "FMT005"),
    ("name that is no UTF-8", pt.model_file(b"}" + pt.text(b"\xff") + pt.view(STORED, 0, [7]) + b"s", (DATA,)), "FMT021"),
    ("nested 1,001 deep", nested(1002), "FMT005"),
    ("nested 300,000 deep", nested(300_000), "FMT005"),
    ("2^30 names", doubling(), "FMT032"),
    ("text over 16 MiB", one(pt.text("x" * (17 << 20))), "FMT005"),
]

BOMBS = [
    ("a million lists", b"\x80\x02" + b"]" * 10**6 + b".", "FMT032"),
    ("memo index of 2^32", b"\x80\x02Nr\xff\xff\xff\xff.", "FMT005"),
    ("lists of lists by memo", b"\x80\x02]q\x00" + b"(" + b"h\x00" * 10**6 + b"e" + b"h\x00a" * 1000 + b".", "FMT042"),
    ("a list that is made a dictionary again and again",
     b"\x80\x02](" + b"K\x01" * 10**6 + b"eq\x000ccollections\nOrderedDict\nq\x010("
     + b"h\x01h\x00\x85R" * 300_000 + b"l.", "FMT042"),
    ("a million numbers of 255 bytes", b"\x80\x02(" + (b"\x8a\xff" + b"\x7f" * 255) * 20_000 + b"l.", "FMT042"),
]

OF_TORCH = [
    ("legacy", "FMT040"), ("sparse", "FMT035"), ("quantised", "FMT035"), ("conjugate", "FMT035"),
    ("complex128", "FMT035"), ("whole_module", "FMT042"), ("hidden", "FMT033"), ("script", "FMT041"),
]  # fmt: skip


def overlapping():
    """The last entry of the list lies at the first one's place: one MiB of data many times is how zip bombs are made."""
    content = with_records(("a/data/1", DATA))
    at = content.rindex(b"PK\1\2")
    return content[: at + 42] + bytes(4) + content[at + 46 :]


def cases():
    found = [(title, content, "FMT032", says) for title, content, says in CODE]
    found += [(title, raw_pickle(opcodes), "FMT032", "") for title, opcodes in PICKLES]
    found += [(title, overlapping() if content is None else content, code, "") for title, content, code in ZIPS]
    found += [(title, content, code, "") for title, content, code in TENSORS]
    found += [(title, raw_pickle(opcodes), code, "") for title, opcodes, code in BOMBS]
    found += [(f"{name}.pt of torch", (PYTORCH / f"{name}.pt").read_bytes(), code, "") for name, code in OF_TORCH]
    return found


def problem(program, file, title, code, says):
    outcome = program.run("inspect", file, prefix=LIMITS)
    if outcome.code != 4 or f"[{code}]" not in outcome.stderr or says not in outcome.stderr:
        return f"{title}: not {code}: {outcome}"
    if len(outcome.reports) != 1 or not re.search(r"^  hint    \S", outcome.stderr, re.MULTILINE):
        return f"{title}: not one report with a hint: {outcome}"
    return None


def refused_in_a_merge(program, folder):
    """A file that would run code, as a model of a merge on three ranks: nothing runs, nothing is left behind."""
    mark = folder / "mark"
    file = folder / "evil.pt"
    file.write_bytes(runs("os", "system", pt.text(f"touch {mark}")))
    recipe = folder / "evil.yaml"
    recipe.write_text(f"merge_method: passthrough\nmodels: [{{model: {file}}}]\n")
    outcome = program.run("raw", recipe, folder / "out", ranks=3)
    assert outcome.code == 4 and RUNS_CODE in outcome.stderr, f"{outcome}"
    assert not mark.exists() and not (folder / "out").exists()


def by_their_names(program, folder):
    for name in ("mp_rank_00_model_states.pt", "zero_pp_rank_0_mp_rank_00_optim_states.pt", "mp_rank_00/model.pt"):
        file = folder / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(GOOD)
        outcome = program.run("inspect", file)
        assert outcome.code == 4 and "FMT043" in outcome.stderr, f"{name}: {outcome}"


def main(binary):
    program = Program(binary)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        good = folder / "good.pt"
        good.write_bytes(GOOD)
        program.must_run("inspect", good)
        jobs = []
        with ThreadPoolExecutor(WORKERS) as pool:
            for number, (title, content, code, says) in enumerate(cases()):
                file = folder / f"{number}.pt"
                file.write_bytes(content)
                jobs.append(pool.submit(problem, program, file, title, code, says))
        failures = [job.result() for job in jobs if job.result()]
        assert not failures, "\n".join([f"{len(failures)} of {len(jobs)} failed", *failures])
        refused_in_a_merge(program, folder)
        by_their_names(program, folder)
        print(f"refused {len(jobs)} files: code, exit code 4, one report with a hint, in time and memory")


if __name__ == "__main__":
    main(sys.argv[1])
