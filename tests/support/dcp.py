"""PyTorch distributed checkpoints without torch: written opcode by opcode, so that they can also be what torch would not
write, and read by Python's own pickle and zipfile."""

import io
import pickle
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import ml_dtypes
import numpy as np

from support import pytorch_bytes as pt

METADATA = "torch.distributed.checkpoint.metadata"
FILESYSTEM = "torch.distributed.checkpoint.filesystem"


# ---- writing


def instance(module, what, state):
    return pt.name(module, what) + b")\x81" + state + b"b"


def fields(**values):
    return pt.dictionary(values)


def size(numbers):
    return pt.call(pt.name("torch", "Size"), pt.pack(*numbers))


def listed(values):
    return b"](" + b"".join(values) + b"e"


def mapped(entries):
    """Of keys and values that are opcodes."""
    return pt.EMPTY_DICT + pt.MARK + b"".join(key + value for key, value in entries) + pt.SETITEMS


def properties(dtype):
    layout = pt.call(pt.name("torch.serialization", "_get_layout"), pt.text("torch.strided"))
    order = pt.call(pt.name(METADATA, "_MEM_FORMAT_ENCODING"), 0)
    return instance(METADATA, "TensorProperties", pt.pack(pt.name("torch", dtype), layout, b"\x89", order, b"\x89"))


@dataclass
class Item:
    """A box of a tensor, and what the checkpoint says of it."""

    name: str
    start: list
    count: list
    content: bytes
    file: str = "__0_0.distcp"
    offset: int | None = None  # stated, if it is not where it is
    length: int | None = None
    transforms: list = field(default_factory=list)


@dataclass
class Tensor:
    dtype: str
    shape: list
    items: list


def item_of(name, array, start, count, **how):
    """One box of an array."""
    cut = np.ascontiguousarray(array[tuple(slice(s, s + c) for s, c in zip(start, count))]).reshape(count)
    value = pt.view(pt.storage(pt.CLASSES[array.dtype.name], "0", cut.size), 0, count)
    return Item(name, list(start), list(count), pt.model_file(value, (cut.tobytes(),)), **how)


def whole(name, array, **how):
    return tensor(name, array, [([0] * array.ndim, list(array.shape))], **how)


def tensor(name, array, boxes, **how):
    """`boxes`: start and count of each."""
    return Tensor(array.dtype.name, list(array.shape), [item_of(name, array, s, c, **how) for s, c in boxes])


def chunk(item):
    return instance(METADATA, "ChunkStorageMetadata", fields(offsets=size(item.start), sizes=size(item.count)))


def tensor_entry(tensor):
    state = fields(properties=properties(tensor.dtype), size=size(tensor.shape), chunks=listed(map(chunk, tensor.items)))
    return instance(METADATA, "TensorStorageMetadata", state)


def storage_entry(item):
    index = instance(METADATA, "MetadataIndex", fields(fqn=pt.text(item.name), offset=size(item.start), index=b"N"))
    info = {"relative_path": pt.text(item.file), "offset": pt.number(item.offset), "length": pt.number(item.length)}
    if item.transforms:
        info["transform_descriptors"] = listed(map(pt.text, item.transforms))
    return index, instance(FILESYSTEM, "_StorageInfo", fields(**info))


def metadata(tensors):
    items = [item for tensor in tensors.values() for item in tensor.items]
    state = fields(
        state_dict_metadata=mapped((pt.text(name), tensor_entry(tensor)) for name, tensor in tensors.items()),
        planner_data=b"N",
        storage_data=mapped(map(storage_entry, items)),
        version=pt.text("1.0.0"),
    )
    return pt.PROTO + instance(METADATA, "Metadata", state) + pt.STOP


def write(folder, tensors):
    """`tensors`: name -> Tensor. Items lie in their files in this order."""
    folder = Path(folder)
    folder.mkdir(parents=True)
    contents = {}
    for item in (item for tensor in tensors.values() for item in tensor.items):
        content = contents.setdefault(item.file, bytearray())
        item.offset = len(content) if item.offset is None else item.offset
        item.length = len(item.content) if item.length is None else item.length
        content.extend(item.content)
    for name, content in contents.items():
        if "/" not in name:
            (folder / name).write_bytes(content)
    (folder / ".metadata").write_bytes(metadata(tensors))


# ---- reading


class Instance:
    def __init__(self, *arguments):
        self.arguments = arguments

    def __setstate__(self, state):
        self.state = state
        if isinstance(state, dict):
            self.__dict__.update(state)


class Reader(pickle.Unpickler):
    """Any class becomes one that keeps what it is given."""

    def find_class(self, module, name):
        return type(name, (Instance,), {"called": f"{module}.{name}"})

    def persistent_load(self, what):
        return what


NUMPY_TYPES = {"float": "float32", "half": "float16", "double": "float64"}


def dtype_of(properties):
    name = properties.state[0].__name__
    found = getattr(ml_dtypes, name, None)
    return np.dtype(found or NUMPY_TYPES.get(name, name))


def read_item(content, dtype, shape):
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None, "a checksum is wrong"
        root = archive.namelist()[0].split("/")[0]
        assert archive.read(f"{root}/byteorder") == b"little" and archive.read(f"{root}/version").strip() == b"3"
        data = next(entry for entry in archive.infolist() if entry.filename == f"{root}/data/0")
        rebuilt = Reader(io.BytesIO(archive.read(f"{root}/data.pkl"))).load()
        _, offset, stated, _ = rebuilt.arguments[:4]
        assert offset == 0 and tuple(stated) == tuple(shape), stated
        return np.frombuffer(archive.read(data), dtype).reshape(shape)


def read(folder):
    """-> name -> array, of tensors that are whole."""
    folder = Path(folder)
    index = Reader(io.BytesIO((folder / ".metadata").read_bytes())).load()
    places = {key.fqn: place for key, place in index.storage_data.items()}
    assert list(index.planner_data) == list(index.state_dict_metadata), "names and paths differ"
    tensors = {}
    for name, entry in index.state_dict_metadata.items():
        (only,) = entry.chunks
        shape = entry.size.arguments[0]
        assert only.sizes.arguments[0] == shape and not any(only.offsets.arguments[0])
        place = places[name]
        with open(folder / place.relative_path, "rb") as file:
            file.seek(place.offset)
            tensors[name] = read_item(file.read(place.length), dtype_of(entry.properties), shape)
    return tensors
