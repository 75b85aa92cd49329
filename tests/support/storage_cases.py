"""What storage can do to a merge: each case is a fault, and what has to come of it."""

from dataclasses import dataclass

DONE, INPUT, STORAGE, NO_SPACE = 0, 4, 7, 8
HDF5 = ("--output-format", "hdf5")
DCP = ("--output-format", "dcp")
# So slow that there is a commit after each unit, or nearly.
SLOW = "pwrite:path=data/model:times=0:lag"
INPUT_FILE = "/a/model-00002-of-00002"
OUTPUT_FILES = "data/model"
NAMES_TENSOR = [INPUT_FILE[1:], r"^  tensor  \S", r"^  byte    \d+ of \d+"]
NAMES_MISSING = [r"^  missing +\d+ bytes", r"\.stockpot/"]


@dataclass
class Case:
    """`fault` is a STOCKPOT_FAULT, or a dictionary for failing_calls.c. Code 0: the merge itself gets over it."""

    title: str
    fault: str | dict
    code: int = DONE
    says: tuple | list = ()
    ranks: int = 1
    options: tuple = ()
    kept: bool | None = None  # whether a staging directory stays; None: as it comes
    resumes: bool = False  # the next attempt finds finished units


def reads():
    """Rows "short read/write" and "EIO on read", and the handles of shared file systems."""
    data, header = f"pread:path={INPUT_FILE}:nth=8", f"pread:path={INPUT_FILE}"
    return [
        Case("every read short", "pread:times=0:few"),
        Case("every read short, on three ranks", "pread:times=0:few", ranks=3),
        Case("a read finds the end", f"{data}:times=0:zero", INPUT, ["FMT007|truncated, expected \\d+ bytes, got \\d+", *NAMES_TENSOR]),
        Case("a read of a header finds the end", f"{header}:times=0:zero", INPUT, ["truncated, expected \\d+ bytes, got 0"]),
        Case("EIO on read once", f"{data}:EIO"),
        Case("EIO on read once in a header", f"{header}:EIO"),
        Case("ESTALE, EAGAIN, ETIMEDOUT on read", f"{data}:ESTALE; pread:path=/b/:nth=6:EAGAIN; pread:path=/b/:nth=9:ETIMEDOUT"),
        Case("EINTR on every second call", "pread:nth=3:times=9:EINTR; pwrite:nth=2:times=9:EINTR; open:nth=9:EINTR"),
        Case("EIO on read always", f"{data}:times=0:EIO", STORAGE, ["Input/output error", *NAMES_TENSOR]),
        Case("EIO on read always, on one rank of three", f"{data}:rank=1:times=0:EIO".replace("nth=8", "nth=2"), STORAGE, NAMES_TENSOR, ranks=3),
        Case("EIO on read always in a header", f"{header}:times=0:EIO", STORAGE, ["Input/output error", INPUT_FILE[1:]]),
        Case("EIO on read always in a configuration", "pread:path=/a/config.json:times=0:EIO", STORAGE, ["config.json"]),
        Case("ESTALE once on open", f"open:path={INPUT_FILE}:ESTALE; open:path={INPUT_FILE}:nth=3:ESTALE"),
        Case("ENOENT once on open of an input seen before", f"open:rank=1:path={INPUT_FILE}:ENOENT", ranks=2),
        Case("ENOENT once on open of an output made elsewhere", f"open:rank=1:path={OUTPUT_FILES}:ENOENT", ranks=2),
        Case("ESTALE once on open of an output made elsewhere", f"open:rank=1:path={OUTPUT_FILES}:ESTALE", ranks=2),
    ]


def writes():
    """Rows "short read/write" and "EIO on write or fsync"."""
    units = f"pwrite:path={OUTPUT_FILES}:nth=9"
    kept = {"kept": True, "resumes": True}
    return [
        Case("every write short", "pwrite:times=0:few"),
        Case("every write short, on three ranks", "pwrite:times=0:few", ranks=3),
        Case("EIO on write once", f"{units}:EIO"),
        Case("EIO on write once, in a header", f"pwrite:path={OUTPUT_FILES}:EIO"),
        Case("EIO on write once, on one rank of three", f"pwrite:rank=2:path={OUTPUT_FILES}:nth=2:EIO", ranks=3),
        Case("EIO on write always", f"{units}:times=0:EIO", STORAGE, [r"write failed: Input/output", OUTPUT_FILES, r"^  byte +\d+"], **kept),
        Case("EIO on write in the journal", f"pwrite:path=journal/:nth=3:EIO; {SLOW}", STORAGE, ["journal/A00001-R"], **kept),
        Case("EIO on write in the index", "pwrite:path=index.json:EIO", STORAGE, ["index.json"], **kept),
        Case("fdatasync of data fails", f"fdatasync:path={OUTPUT_FILES}:nth=4:EIO; {SLOW}", STORAGE, ["fdatasync failed", OUTPUT_FILES], **kept),
        Case("fdatasync of the journal fails", f"fdatasync:path=journal/:nth=3:EIO; {SLOW}", STORAGE, ["fdatasync failed", "journal/"], **kept),
        Case("fsync of data fails at the end", f"fsync:path={OUTPUT_FILES}:EIO", STORAGE, ["fsync failed", OUTPUT_FILES], **kept),
        Case("fsync of the manifest fails", "fsync:path=stockpot-manifest.json:EIO", STORAGE, ["fsync failed", "manifest"], **kept),
        # What was written is gone, the first sync says so, the ones after it would not.
        Case("storage loses writes and says so once", f"{units}:times=0:lost; fdatasync:path={OUTPUT_FILES}:EIO", STORAGE, ["fdatasync failed"]),
        Case("close of data fails", f"close:path={OUTPUT_FILES}:EIO", STORAGE, ["close failed", OUTPUT_FILES], **kept),
        Case("close of data says that the quota is full", f"close:path={OUTPUT_FILES}:EDQUOT", NO_SPACE, ["close failed", OUTPUT_FILES], **kept),
    ]


def full(name):
    """Row "ENOSPC / EDQUOT / EFBIG"."""
    kept = {"kept": True, "resumes": True}
    return [
        Case(f"{name} at fallocate", f"fallocate:path={OUTPUT_FILES}:nth=2:{name}", NO_SPACE, NAMES_MISSING),
        Case(f"{name} in the middle of data", f"pwrite:path={OUTPUT_FILES}:nth=9:times=0:{name}", NO_SPACE, NAMES_MISSING, **kept),
        Case(f"{name} in the journal", f"pwrite:path=journal/:nth=3:times=0:{name}; {SLOW}", NO_SPACE, NAMES_MISSING, **kept),
        Case(f"{name} in the index", f"pwrite:path=index.json:{name}", NO_SPACE, [*NAMES_MISSING, "index.json"], **kept),
        Case(f"{name} in the manifest", f"pwrite:path=stockpot-manifest.json:{name}", NO_SPACE, [*NAMES_MISSING, "manifest"], **kept),
        Case(f"{name} on one rank of three", f"pwrite:rank=1:path={OUTPUT_FILES}:nth=2:times=0:{name}", NO_SPACE, NAMES_MISSING, ranks=3),
        Case(f"{name} for HDF5 before its data", f"fallocate:path=model.h5:{name}", NO_SPACE, NAMES_MISSING, options=HDF5),
    ]


def in_distributed_checkpoints():
    data, index = "data/distcp/__", "distcp/.metadata"
    slow = "pwrite:path=data/distcp:times=0:lag"
    kept = {"kept": True, "resumes": True, "options": DCP}
    return [
        Case("EIO on write once, DCP", f"pwrite:path={data}:nth=9:EIO", options=DCP),
        Case("every write short, DCP on three ranks", "pwrite:times=0:few", ranks=3, options=DCP),
        Case("EIO on write always, DCP", f"pwrite:path={data}:nth=9:times=0:EIO", STORAGE, [data], **kept),
        Case("fdatasync of data fails, DCP", f"fdatasync:path={data}:nth=4:EIO; {slow}", STORAGE, [data], **kept),
        Case("fsync of .metadata fails", f"fsync:path={index}:EIO", STORAGE, ["fsync failed", index], **kept),
        Case("EIO when .metadata gets its name", f"rename:path={index}:EIO", STORAGE, [index], **kept),
        Case("ENOSPC at fallocate, DCP", f"fallocate:path={data}:nth=2:ENOSPC", NO_SPACE, NAMES_MISSING, options=DCP),
        Case("ENOSPC in .metadata", f"pwrite:path={index}:ENOSPC", NO_SPACE, [*NAMES_MISSING, index], **kept),
    ]


def in_hdf5(shim):
    """The library writes by itself: its calls are failed from outside. Nothing of such a file is ever gone on with."""

    def fault(number, rank, after):
        where = {"FAILING_PATH": "model.h5", "FAILING_RANK": str(rank), "FAILING_AFTER": str(after)}
        return {"LD_PRELOAD": shim, "FAILING_CALL": "pwrite", "FAILING_ERRNO": str(number), **where}

    cases = []
    for name, number, code in (("ENOSPC", 28, NO_SPACE), ("EDQUOT", 122, NO_SPACE), ("EFBIG", 27, NO_SPACE), ("EIO", 5, STORAGE)):
        for place, after in (("at its beginning", 0), ("when it is made", 3), ("in its data", 25)):
            cases.append(Case(f"{name} for HDF5 {place}", fault(number, 0, after), code, ["model.h5"], options=HDF5))
    # MPI-IO does not tell why.
    for name, number, code in (("ENOSPC", 28, NO_SPACE), ("EIO", 5, STORAGE)):
        for place, rank, after, ends in (("when it is made", 0, 3, code), ("in its data", 0, 25, STORAGE), ("on one rank", 1, 0, STORAGE)):
            title = f"{name} for HDF5 of two ranks {place}"
            cases.append(Case(title, fault(number, rank, after), ends, ["model.h5"], ranks=2, options=HDF5))
    return cases


def all_cases(shim):
    """`shim` is failing_calls.c as a library, or None."""
    cases = [*reads(), *writes(), *full("ENOSPC"), *full("EDQUOT"), *full("EFBIG"), *in_distributed_checkpoints()]
    return cases + (in_hdf5(shim) if shim else [])
