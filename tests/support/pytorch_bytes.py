"""PyTorch files made by hand, opcode by opcode and record by record: neither torch nor the pickle module takes part, so
that files can also be what neither would write."""

import struct
import zlib
from pathlib import Path

CLASSES = {
    "float64": "DoubleStorage",
    "float32": "FloatStorage",
    "float16": "HalfStorage",
    "bfloat16": "BFloat16Storage",
    "int64": "LongStorage",
    "int32": "IntStorage",
    "int16": "ShortStorage",
    "int8": "CharStorage",
    "uint8": "ByteStorage",
    "bool": "BoolStorage",
}
EMPTY_DICT, MARK, TUPLE, REDUCE, SETITEMS, STOP = b"}", b"(", b"t", b"R", b"u", b"."
PROTO = b"\x80\x02"


def text(value):
    raw = value.encode() if isinstance(value, str) else value
    return b"X" + struct.pack("<I", len(raw)) + raw


def number(value):
    if 0 <= value < 256:
        return b"K" + bytes([value])
    if -(2**31) <= value < 2**31:
        return b"J" + struct.pack("<i", value)
    raw = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + bytes([len(raw)]) + raw


def name(module, what):
    return f"c{module}\n{what}\n".encode()


def pack(*items):
    """A tuple of values that are opcodes already, or numbers."""
    return MARK + b"".join(i if isinstance(i, bytes) else number(i) for i in items) + TUPLE


def call(function, *arguments):
    return function + pack(*arguments) + REDUCE


ORDERED_DICT = name("collections", "OrderedDict") + b")" + REDUCE


def storage(kind, key, elements, module="torch"):
    return pack(text("storage"), name(module, kind), text(key), text("cpu"), elements) + b"Q"


def row_major(shape):
    strides, step = [], 1
    for extent in reversed(shape):
        strides.insert(0, step)
        step *= extent
    return strides


def view(stored, offset, shape, strides=None, *more):
    strides = row_major(shape) if strides is None else strides
    return call(name("torch._utils", "_rebuild_tensor_v2"), stored, offset, pack(*shape), pack(*strides), b"\x89",
                ORDERED_DICT, *more)


def dictionary(entries):
    return EMPTY_DICT + MARK + b"".join(text(key) + value for key, value in entries.items()) + SETITEMS


def record(title, content, offset, *, local_title=None, flags=0, method=0, stated=None, packed=None, align=64):
    """-> local header and content, entry of the list. Sizes in the list are true unless they are given."""
    raw, local = title.encode(), (local_title or title).encode()
    padding = -(offset + 30 + len(local) + 4) % align
    extra = b"FB" + struct.pack("<H", padding) + b"Z" * padding
    stated = len(content) if stated is None else stated
    packed = stated if packed is None else packed
    crc = zlib.crc32(content)
    head = struct.pack("<4s5H3I2H", b"PK\3\4", 0, flags, method, 0, 0, 0, 0, 0, len(local), len(extra))
    entry = struct.pack("<4s6H3I5H2I", b"PK\1\2", 0, 0, flags, method, 0, 0, crc, packed, stated, len(raw), 0, 0, 0, 0,
                        0, offset)
    return head + local + extra + content, entry + raw


def archive(records, *, before=b"", comment=b"", end=None, zip64=True, **options):
    """`records`: (title, content) or (title, content, options of record()). `end` changes entries, bytes and offset of
    the list as the end record states them."""
    body, entries = before, []
    for title, content, *own in records:
        data, entry = record(title, content, len(body), **{**options, **(own[0] if own else {})})
        body += data
        entries.append(entry)
    return body + list_of(entries, len(body), comment, end or {}, zip64)


def list_of(entries, at, comment, end, zip64):
    joined = b"".join(entries)
    count, size, offset = end.get("entries", len(entries)), end.get("bytes", len(joined)), end.get("offset", at)
    tail = b""
    if zip64:
        tail = struct.pack("<4sQ2H2I4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, size, offset)
        tail += struct.pack("<4sIQI", b"PK\6\7", 0, end.get("locator", at + len(joined)), 1)
    low = [min(count, 0xFFFF), min(size, 0xFFFFFFFF), min(offset, 0xFFFFFFFF)]
    low = end.get("low", low)
    return joined + tail + struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, low[0], low[0], low[1], low[2], len(comment)) + comment


def model_file(root_value, storages=(), **options):
    """A file around a pickle's value. `storages`: their bytes, keys 0, 1 ..."""
    records = [("archive/data.pkl", PROTO + root_value + STOP), ("archive/byteorder", b"little")]
    records += [(f"archive/data/{key}", content) for key, content in enumerate(storages)]
    return archive([*records, ("archive/version", b"3\n")], **options)


def state_dict_file(tensors, **options):
    """`tensors`: name -> array."""
    entries, contents = {}, []
    for key, (title, array) in enumerate(tensors.items()):
        kind = CLASSES[array.dtype.name]
        entries[title] = view(storage(kind, str(key), array.size), 0, array.shape)
        contents.append(array.tobytes())
    return model_file(dictionary(entries) if entries else EMPTY_DICT, contents, **options)


def write_state_dict(path, tensors):
    Path(path).write_bytes(state_dict_file(tensors))
