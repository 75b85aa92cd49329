"""Safetensors headers that lie, or look as if they did: each is a model in a merge.

bad_headers.py STOCKPOT
"""

import json
import struct
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.program import Program, write_recipe  # noqa: E402
from support.refusals import WORKERS, Refusal, check_all  # noqa: E402

MAX = 2**64 - 1


def entry(dtype, shape, begin, end, more=""):
    return f'{{"dtype":"{dtype}","shape":{json.dumps(shape)},"data_offsets":[{begin},{end}]{more}}}'


def one(dtype, shape, begin, end, more=""):
    return f'{{"a":{entry(dtype, shape, begin, end, more)}}}'


def file_of(header, data_bytes):
    raw = header if isinstance(header, bytes) else header.encode()
    return struct.pack("<Q", len(raw)) + raw + bytes(data_bytes)


U8 = entry("U8", [4], 0, 4)
BF16 = one("BF16", [2, 3], 0, 12)
NESTED = '{"a":' * 20 + "1" + "}" * 20

# title, header, bytes of data, class of the report
REFUSED = [
    ("data one byte short", BF16, 11, "FMT027"),
    ("data one byte long", BF16, 13, "FMT027"),
    ("size does not fit the shape", one("BF16", [2, 3], 0, 10), 10, "FMT025"),
    ("first tensor does not start at 0", one("BF16", [2], 4, 8), 8, "FMT024"),
    ("overlap", f'{{"a":{U8},"b":{entry("U8", [4], 2, 6)}}}', 6, "FMT024"),
    ("hole", f'{{"a":{U8},"b":{entry("U8", [4], 5, 9)}}}', 9, "FMT024"),
    ("end before begin", f'{{"a":{entry("U8", [4], 4, 0)}}}', 4, "FMT024"),
    ("empty tensor out of place", f'{{"a":{U8},"b":{entry("F32", [0], 2, 2)}}}', 4, "FMT024"),
    ("half a byte", one("F4", [3], 0, 1), 1, "FMT026"),
    ("product of dimensions overflows", one("I32", [2**32, 2**32], 0, 0), 0, "FMT006"),
    ("bits overflow", one("F64", [2**61], 0, 0), 0, "FMT006"),
    ("product overflows before a zero", one("I32", [MAX, 2, 0], 0, 0), 0, "FMT006"),
    ("unknown dtype", one("F99", [1], 0, 1), 1, "FMT023"),
    ("lower case dtype", one("u8", [4], 0, 4), 4, "FMT023"),
    ("entry is a number", '{"a":1}', 1, "FMT022"),
    ("header is an array", "[]", 1, "FMT022"),
    ("no offsets", '{"a":{"dtype":"U8","shape":[1]}}', 1, "FMT022"),
    ("text after the object", "{}x", 1, "FMT022"),
    ("no JSON", "{no}", 0, "FMT022"),
    ("NUL after the object", b"{}\0", 0, "FMT022"),
    ("byte-order mark", b"\xef\xbb\xbf{}", 0, "FMT022"),
    ("no UTF-8", b'{"\xff":' + U8.encode() + b"}", 4, "FMT02[12]"),
    ("lone surrogate", '{"\\ud800":' + U8 + "}", 4, "FMT02[12]"),
    ("empty header", b"", 0, "FMT022"),
    ("white space only", "   \n", 0, "FMT022"),
    ("name twice, equal ranges", f'{{"a":{U8},"a":{U8}}}', 4, "FMT011"),
    ("name twice, different ranges", f'{{"a":{U8},"a":{entry("U8", [4], 4, 8)}}}', 8, "FMT011"),
    ("name twice, one escaped", f'{{"a":{U8},"\\u0061":{U8}}}', 4, "FMT011"),
    ("metadata twice", f'{{"__metadata__":{{}},"__metadata__":{{}},"a":{U8}}}', 4, "FMT0(11|22)"),
    ("field twice", '{"a":{"dtype":"U8","dtype":"U8","shape":[4],"data_offsets":[0,4]}}', 4, "FMT0(11|22)"),
    ("metadata is no text", f'{{"__metadata__":{{"x":1}},"a":{U8}}}', 4, "FMT022"),
    ("nested too deeply", one("U8", [4], 0, 4, f',"x":{NESTED}'), 4, "FMT005"),
    ("entry is an array", '{"a":["U8",[4],[0,4]]}', 4, "FMT022"),
    ("dtype is an object", '{"a":{"dtype":{"U8":null},"shape":[4],"data_offsets":[0,4]}}', 4, "FMT022"),
    ("three offsets", '{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4,4]}}', 4, "FMT022"),
    ("empty name", f'{{"":{U8}}}', 4, "FMT022"),
    *[
        (f"{number} as a dimension", f'{{"a":{{"dtype":"U8","shape":[{number}],"data_offsets":[0,1]}}}}', 1, "FMT022")
        for number in ("1.0", "1e0", "-1", "-0", "01", str(2**64), "1e999", "NaN")
    ],
    *[
        (f"{number} as an offset", f'{{"a":{{"dtype":"U8","shape":[1],"data_offsets":[0,{number}]}}}}', 1, "FMT022")
        for number in ("1.0", "-1", str(2**64))
    ],
    ("NaN in an unknown field", one("U8", [4], 0, 4, ',"x":NaN'), 4, "FMT022"),
]

# title, header, bytes of data, names in the output
ACCEPTED = [
    ("no tensors", "{}", 0, []),
    ("a matrix", BF16, 12, ["a"]),
    ("a scalar", one("F32", [], 0, 4), 4, ["a"]),
    ("an empty tensor", one("F32", [0, 7], 0, 0), 0, ["a"]),
    ("an empty tensor with a huge dimension", one("F32", [0, MAX], 0, 0), 0, ["a"]),
    ("six bits times eight", one("F6_E3M2", [8], 0, 6), 6, ["a"]),
    ("six bits times four", one("F6_E2M3", [4], 0, 3), 3, ["a"]),
    ("white space around", f" \t\r\n{one('U8', [4], 0, 4)} \n", 4, ["a"]),
    ("metadata null", f'{{"__metadata__":null,"a":{U8}}}', 4, ["a"]),
    ("metadata key twice", f'{{"__metadata__":{{"x":"1","x":"2"}},"a":{U8}}}', 4, ["a"]),
    ("metadata escaped", f'{{"\\u005f_metadata__":{{"x":"1"}},"a":{U8}}}', 4, ["a"]),
    ("unknown field", one("U8", [4], 0, 4, ',"x":{"y":[1,2]}'), 4, ["a"]),
    ("names like paths", f'{{"../x":{U8},"/etc/y":{entry("U8", [4], 4, 8)}}}', 8, ["../x", "/etc/y"]),
]


def recipe(model):
    return {"merge_method": "passthrough", "models": [{"model": str(model)}]}


def write(folder, title, content):
    model = folder / title.replace(" ", "_").replace("/", "_")
    model.mkdir()
    (model / "config.json").write_text('{"architectures": ["Example"], "model_type": "example"}')
    (model / "model.safetensors").write_bytes(content)
    return model


def lengths_that_lie(folder):
    """Files that are wrong before the header: what the first eight bytes say cannot be."""
    short = write(folder, "seven bytes", b"1234567")
    past = write(folder, "header past the end", struct.pack("<Q", 100) + b"{}")
    huge = write(folder, "header too long", struct.pack("<Q", 2**63) + b"{}")
    long = write(folder, "header over the limit", struct.pack("<Q", 100_000_001) + b"{}")
    with open(long / "model.safetensors", "r+b") as file:
        file.truncate(100_000_100)  # sparse
    return [(m.name, m, "FMT020") for m in (short, past, huge, long)]


def accept(program, folder, title, header, data_bytes, names):
    data = bytes(range(1, data_bytes + 1))
    model = write(folder, f"ok {title}", file_of(header, 0) + data)
    out = folder / f"out-{model.name}"
    program.must_run("merge", write_recipe(recipe(model), f"{out}.yaml"), out, "--threads", 1)
    content = (out / "model.safetensors").read_bytes()
    length = int.from_bytes(content[:8], "little")
    written = json.loads(content[8 : 8 + length])
    written.pop("__metadata__", None)
    assert sorted(written) == sorted(names), f"{title}: {sorted(written)}"
    assert content[8 + length :] == data, f"{title}: other bytes"


def main(binary):
    program = Program(binary)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        lies = lengths_that_lie(folder)
        lies += [(t, write(folder, t, file_of(header, size)), code) for t, header, size, code in REFUSED]
        check_all(
            program,
            folder,
            [
                Refusal(
                    title,
                    recipe(model),
                    4,
                    [rf"^stockpot: .* \[{code}\]: ", str(model / "model.safetensors")],
                    hint=False,
                )
                for title, model, code in lies
            ],
        )
        with ThreadPoolExecutor(WORKERS) as pool:
            list(pool.map(lambda case: accept(program, folder, *case), ACCEPTED))
        print(f"accepted {len(ACCEPTED)} headers that look odd: same names, same bytes")


if __name__ == "__main__":
    main(sys.argv[1])
