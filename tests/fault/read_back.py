"""A write that stores another bit: --verify=readback finds it before publication, and the next start makes it again.

    read_back.py STOCKPOT

Needs a build with STOCKPOT_FAULTS.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.crash_sweep import digest_of, linear_of_two, temporary_folder, write_small_family  # noqa: E402
from support.program import Program  # noqa: E402

MISMATCH, SOME = 10, ("--quiet", "--threads", 1, "--unit", "64KiB", "--chunk", "64KiB")


def check_kept(program, recipe, out):
    """What was found to differ is still there, also of a file that has no units to go on with."""
    env = {"STOCKPOT_FAULT": "pread:path=data/model.h5:flip"}
    spoilt = program.run("merge", recipe, out, *SOME, "--output-format", "hdf5", "--verify=readback", env=env)
    assert spoilt.code == MISMATCH, spoilt
    assert Path(f"{out}.stockpot/data/model.h5").exists(), "what differs is gone"


def main(binary):
    program = Program(binary)
    with temporary_folder() as temporary:
        folder = Path(temporary)
        write_small_family(folder)
        recipe = linear_of_two(folder)
        program.must_run("merge", recipe, folder / "expected", *SOME)
        expected = digest_of(folder / "expected")
        for ranks in (1, 3):
            for what in ("flip", "lost"):
                out = folder / f"out-{what}-{ranks}"
                env = {"STOCKPOT_FAULT": f"pwrite:rank={ranks - 1}:path=data/model:nth=4:{what}"}
                spoilt = program.run("merge", recipe, out, *SOME, "--verify=readback", ranks=ranks, env=env)
                assert spoilt.code == MISMATCH, f"{what}, {ranks} ranks: {spoilt}"
                assert "tensor  " in spoilt.stderr, f"does not name the tensor: {spoilt}"
                assert not out.exists(), f"{what}, {ranks} ranks: published all the same"
                program.must_run("merge", recipe, out, *SOME, "--verify=readback", ranks=4 - ranks)
                assert digest_of(out) == expected, f"{what}, {ranks} ranks: other bytes"
                program.must_run("verify", out)
        check_kept(program, recipe, folder / "out-kept")
        print("flipped bits and lost writes are found before publication, and made again by the next start")


if __name__ == "__main__":
    main(sys.argv[1])
