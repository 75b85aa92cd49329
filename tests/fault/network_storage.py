"""What network file systems and mounts do that a local directory does not: nothing is left behind, and no lock stays.

    network_storage.py STOCKPOT

System calls do what NFS does by network_storage.c, preloaded; needs a C compiler. Mounts are in a namespace of their own; skipped
where that is not allowed.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.checkpoints import write_safetensors  # noqa: E402
from support.program import Program, write_recipe  # noqa: E402
from support.shims import build_shim  # noqa: E402

EXISTS, NUMBERS = 6, 5
# Statistics and a journal: files that are open while a merge ends.
OPTIONS = ("--threads", "1", "--unit", "64KiB", "--chunk", "64KiB", "--journal-every", "0", "--quiet")


class NetworkStorage:
    def __init__(self, program, folder):
        self.program, self.folder = program, folder
        random = np.random.default_rng(5)
        for name in ("base", "a", "b", "bad"):
            self.write_model(name, random.standard_normal((512, 256), np.float32))
        self.good, self.bad = self.recipe("a", "b"), self.recipe("a", "bad")
        documents = [{"name": name} | self.linear(self.folder / "base", self.folder / name.lower()) for name in "AB"]
        self.staged = write_recipe("\n---\n".join(json.dumps(d) for d in (*documents, self.linear(*"AB"))), folder / "staged.yaml")

    def write_model(self, name, weights):
        place = self.folder / name
        place.mkdir()
        if name == "bad":
            weights[-1, -1] = np.nan
        write_safetensors(place / "model.safetensors", {"first.weight": weights[::2], "second.weight": weights})
        (place / "config.json").write_text(json.dumps({"model_type": "llama", "architectures": ["LlamaForCausalLM"]}))

    def recipe(self, *models):
        entries = [{"model": str(self.folder / m), "parameters": {"weight": 1, "density": 0.5}} for m in models]
        whole = {"merge_method": "ties", "base_model": str(self.folder / "base"), "models": entries}
        return write_recipe(whole | {"parameters": {"scope": "model"}}, self.folder / f"{'-'.join(models)}.yaml")

    def linear(self, *models):
        return {"merge_method": "linear", "models": [{"model": str(m), "parameters": {"weight": 1}} for m in models]}

    def merge(self, recipe, out, code, *options, **how):
        outcome = self.program.run("merge", recipe, out, *OPTIONS, *options, **how)
        assert outcome.code == code, outcome
        return outcome

    def check_open_files(self, shim):
        """A merge that ends has closed the files that it removes, on every rank."""
        for ranks in (1, 2):
            for recipe, code in ((self.good, 0), (self.bad, NUMBERS), (self.staged, 0)):
                out = self.folder / f"closed-{ranks}-{recipe.stem}"
                self.merge(recipe, out, code, ranks=ranks, env={"LD_PRELOAD": shim})
                left = sorted(str(p) for p in Path(f"{out}.stockpot").rglob("*"))
                assert not Path(f"{out}.stockpot").exists(), f"{ranks} ranks, {recipe.stem}: left behind: {left}"
        print("no file that is removed is open: nothing is left behind")

    def check_what_cannot_go(self, shim):
        """A staging directory that cannot be removed is published all the same, and nobody's: a start from anywhere takes it over."""
        for recipe, code, held in ((self.good, 0, "journal/"), (self.bad, NUMBERS, "data/")):
            out = self.folder / f"stays-{code}"
            self.merge(recipe, out, code, env={"LD_PRELOAD": shim, "ALWAYS_OPEN": held})
            status = self.program.run("status", "--json", out)
            state = json.loads(status.stdout)
            assert state.get("holder", {}).get("ended") and state["state"] == ("resumable" if code else "published"), status
            self.merge(self.good, out, 0)
            assert not Path(f"{out}.stockpot").exists(), f"{out}.stockpot is left behind"
        print("a staging directory that cannot be removed: nobody's, and gone after the next start")

    def check_the_rest_goes(self, shim):
        """What cannot be removed is all that stays."""
        out = self.folder / "rest"
        self.merge(self.staged, out, 0, env={"LD_PRELOAD": shim, "ALWAYS_OPEN": "stages/A/model"})
        left = [p.relative_to(f"{out}.stockpot") for p in Path(f"{out}.stockpot").rglob("*") if p.is_file()]
        stages = [str(p.parent) for p in left if p.parts[0] == "stages"]
        assert stages == ["stages/A"] and Path("publish.json") in left, f"left behind: {left}"
        self.merge(self.staged, out, 0)
        assert not Path(f"{out}.stockpot").exists(), f"{out}.stockpot is left behind"
        print("a stage that cannot be removed: all others are, and the next start removes it")

    def check_lost_reply(self, shim):
        out = self.folder / "lost-reply"
        self.merge(self.good, out, 0, env={"LD_PRELOAD": shim, "LOST_REPLY": "1"})
        record = json.loads((out / "stockpot_run.json").read_text())
        assert record["attempt"] == 1, f"the lock was taken over from itself: attempt {record['attempt']}"
        print("the reply to making the lock is lost: it is ours")

    def check_mount_points(self):
        """Nothing can be moved into the place of a mount: said at the start, whatever the file system."""
        mounts = {"a file system": "mount -t tmpfs tmpfs", "a directory of the same one": f"mount --bind {self.folder / 'a'}"}
        for number, (title, mount) in enumerate(mounts.items()):
            for options in ((), ("--overwrite",)):
                out = self.folder / f"mounted-{number}"
                out.mkdir(exist_ok=True)
                prefix = ("unshare", "--mount", "sh", "-c", f'{mount} "{out}"; exec "$@"', "sh")
                outcome = self.merge(self.good, out, EXISTS, *options, prefix=prefix)
                assert "OUT005" in outcome.stderr and f"{out}/merged" in outcome.stderr, outcome
                assert not Path(f"{out}.stockpot").exists(), f"{title}: left behind"
        print("an output that is a mount point is refused at the start")

    def check_marker_in_a_mount(self):
        out = self.folder / "mounted-marker"
        out.mkdir()
        mount = f'mount -t tmpfs tmpfs "{out}"; "$@"; code=$?; ls {out}; exit $code'
        for recipe, code, marked in ((self.bad, NUMBERS, False), (self.good, 0, True)):
            prefix = ("unshare", "--mount", "sh", "-c", mount, "sh")
            outcome = self.merge(recipe, out, code, "--commit=marker", prefix=prefix)
            left = outcome.stdout.split()
            assert ("COMMITTED" in left and "UNFINISHED" not in left) if marked else not left, f"code {code}: {left}"
            assert not Path(f"{out}.stockpot").exists(), "left behind"
        print("--commit=marker writes into a mount")


def can_mount(folder):
    command = ["unshare", "--mount", "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    return shutil.which("unshare") is not None and subprocess.run(command, capture_output=True, check=False).returncode == 0


def main(binary):
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        tests = NetworkStorage(Program(binary), folder)
        if shim := build_shim("network_storage", folder):
            tests.check_open_files(shim)
            tests.check_what_cannot_go(shim)
            tests.check_the_rest_goes(shim)
            tests.check_lost_reply(shim)
        else:
            print("skipped: no C compiler")
        if can_mount(folder):
            tests.check_mount_points()
            tests.check_marker_in_a_mount()
        else:
            print("skipped: no mounts")


if __name__ == "__main__":
    main(sys.argv[1])
