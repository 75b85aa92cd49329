"""What attempts leave behind, and what later ones may make of it.

    left_behind.py STOCKPOT

Needs a build with STOCKPOT_FAULTS.
"""

import json
import os
import shutil
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.checkpoints import read_model, write_model  # noqa: E402
from support.crash_sweep import digest_of, linear_of_two, temporary_folder, write_small_family  # noqa: E402
from support.placement import Model  # noqa: E402
from support.program import Program, write_recipe  # noqa: E402
from support.started import Started  # noqa: E402

# Faults that kill have a rate: commits go on beside writing, and units that were to be found later have to be committed.
OPTIONS = ("--threads", "1", "--unit", "64KiB", "--chunk", "64KiB", "--out-shard-size", "600k", "--journal-every", "0")
TRUSTING = ("--resume-check", "none")
RECIPE, EXISTS, STORAGE, STOPPED = 3, 6, 7, 75
EARLY = "pwrite:nth=5:path=data/model-:kill"  # files have their full size, and hardly any unit is made


def linear(*models):
    return {"merge_method": "linear", "models": [{"model": str(m), "parameters": {"weight": 1}} for m in models]}


def stages(path, last, **named):
    """The recipe's file."""
    documents = [{"name": name} | document for name, document in named.items()] + [last]
    return write_recipe("\n---\n".join(json.dumps(document) for document in documents), path)


class LeftBehind:
    def __init__(self, program, folder):
        self.program, self.folder = program, folder
        write_small_family(folder)
        self.linear = linear_of_two(folder)
        lines = {"lines": {"alpha": "auto", "beta": 0.5}}
        self.lines = write_recipe(self.task_arithmetic(**lines), folder / "lines.yaml")
        self.tied = self.of_tied_models()

    def task_arithmetic(self, **parameters):
        models = [{"model": str(self.folder / m), "parameters": {"weight": 0.5}} for m in "ab"]
        base = str(self.folder / "base")
        return {"merge_method": "task_arithmetic", "base_model": base, "models": models, "parameters": parameters}

    def of_tied_models(self):
        """A merge of two models that keeps the heads that their embeddings are: only the stage itself can tell that they are."""
        for model in "ab":
            whole = read_model(self.folder / model)
            tensors = whole.tensors | {"lm_head.weight": whole.tensors["model.embed_tokens.weight"]}
            write_model(self.folder / "tied" / model, Model(tensors, whole.config | {"tie_word_embeddings": True}))
        return linear(self.folder / "tied/a", self.folder / "tied/b") | {"stockpot": {"keep_tied_heads": True}}

    def run(self, recipe, out, *options, fault="", **how):
        return self.program.run("merge", recipe, out, *OPTIONS, *options, env={"STOCKPOT_FAULT": fault}, **how)

    def killed(self, recipe, out, fault, *options, **how):
        outcome = self.run(recipe, out, *options, fault=fault, **how)
        assert outcome.code != 0, f"not killed: {outcome}"
        return outcome

    def expected(self, recipe):
        out = self.folder / f"expected-{recipe.stem}"
        if not out.exists():
            outcome = self.run(recipe, out)
            assert outcome.code == 0, outcome
        return digest_of(out)

    def finishes(self, recipe, out, *options, says="", **how):
        """The same command line makes what an undisturbed merge does."""
        outcome = self.run(recipe, out, *options, **how)
        assert outcome.code == 0 and says in outcome.stderr, outcome
        assert digest_of(out) == self.expected(recipe), f"other bytes: {outcome}"
        return outcome

    def check_lost_files(self):
        """Units of a file that is made again do not count, however often that attempt is killed."""
        for what in ("gone", "cut"):
            out = self.folder / f"lost-{what}"
            self.killed(self.linear, out, "rate=20MB; pwrite:nth=20:path=data/model-:kill")
            shard = sorted(Path(f"{out}.stockpot/data").glob("*.safetensors"))[0]
            shard.unlink() if what == "gone" else os.truncate(shard, shard.stat().st_size // 2)
            self.killed(self.linear, out, EARLY)
            self.finishes(self.linear, out, *TRUSTING)
            print(f"a file that is {what} between attempts, of which the second is killed: the same bytes")

    def check_damaged_units(self):
        """Each unit whose staged bytes are others is named once, however many ranks there are."""
        out = self.folder / "damaged"
        self.killed(self.linear, out, "rate=20MB; pwrite:nth=20:path=data/model-:kill")
        for shard in Path(f"{out}.stockpot/data").glob("*.safetensors"):
            shard.write_bytes(bytes(~b & 255 for b in shard.read_bytes()))
        said = self.finishes(self.linear, out, "--resume-check", "all", ranks=3).stderr
        lines = [line for line in said.splitlines() if "made again, its staged bytes" in line]
        assert lines and len(lines) == len(set(lines)), said
        print(f"{len(lines)} damaged units: each is named once")

    def check_interrupted_removal(self):
        """--resume=never that is killed while it removes what was there leaves nothing to go on with."""
        for call in range(1, 8):
            out = self.folder / f"removed-{call}"
            self.killed(self.linear, out, "rate=20MB; pwrite:nth=20:path=data/model-:kill")
            self.killed(self.linear, out, f"unlink:nth={call}:kill", "--resume", "never")
            self.killed(self.linear, out, EARLY)
            self.finishes(self.linear, out, *TRUSTING)
        print("killed while what earlier attempts left is removed: the same bytes")

    def check_lost_factor(self):
        out = self.folder / "factor"
        self.killed(self.lines, out, "rate=10MB; pwrite:rank=1:nth=4:path=data/model:kill", ranks=2)
        journals = sorted(Path(f"{out}.stockpot/journal").glob("*.log"))
        os.truncate(journals[0], 30)
        self.finishes(self.lines, out, says="the factor that they were made with is lost", ranks=2)
        print("a journal without the factor of 'lines': found once more")

    def check_stages_stay(self):
        """A failure that will pass, where a stage is taken up, throws nothing away."""
        recipe = stages(self.folder / "stages.yaml", linear("A", self.folder / "b"), A=self.task_arithmetic())
        for number, path in enumerate(("/A.stockpot/journal", "/A.stockpot/plan.json", "/A.stockpot/data")):
            out = self.folder / f"stages-{number}"
            self.killed(recipe, out, "rate=10MB; pwrite:nth=20:path=/A.stockpot/data/model:kill")
            failed = self.run(recipe, out, "--resume-check", "all", fault=f"pread:times=0:path={path}:EIO")
            assert failed.code == STORAGE, failed
            self.finishes(recipe, out)
            record = json.loads((out / "stockpot_run.json").read_text())
            assert record["attempt"] > 1, f"{path}: what was staged is gone: {record['attempt']}"
        print("storage that fails while a stage is taken up: what is staged stays")

    def check_finished_stages(self):
        """A stage that is there is used, also without config.json, and made again if it lacks something."""
        for model in ("a", "b", "base"):
            shutil.copytree(self.folder / model, self.folder / "bare" / model, ignore=shutil.ignore_patterns("config.json"))
        cases = {
            "is whole": ("bare", lambda stage: None),
            "lacks a file": (".", lambda stage: sorted(stage.glob("*.safetensors"))[1].unlink()),
            "lacks its config.json": (".", lambda stage: (stage / "config.json").unlink()),
            "is cut": (".", lambda stage: os.truncate(sorted(stage.glob("*.safetensors"))[0], 1000)),
        }
        for number, (title, (models, change)) in enumerate(cases.items()):
            place = self.folder / models
            recipe = stages(self.folder / f"finished-{models}.yaml", linear("A", place / "base"), A=linear(place / "a", place / "b"))
            out = self.folder / f"staged-{number}"
            self.killed(recipe, out, f"pwrite:nth=3:path={out.name}.stockpot/data/model:kill")
            change(Path(f"{out}.stockpot/stages/A"))
            used = "stage 'A' is there already" in self.finishes(recipe, out).stderr
            assert used == (models == "bare"), f"a stage that {title}: {used}"
        print("stages that are there: used as long as they are whole")

    def check_kept_factor(self):
        """What was measured stays, also if it is all that there is and the attempt that found it so fails, too."""
        out = self.folder / "kept-factor"
        journal = Path(f"{out}.stockpot/journal/A00001-R000000.log")
        self.killed(self.lines, out, "rate=20MB; pwrite:nth=4:path=data/model-:kill")  # after three headers
        assert journal.stat().st_size == 64, "there is more than the factor, or nothing"
        failed = self.run(self.lines, out, fault="pwrite:times=0:path=data/model-:EIO")
        assert failed.code == STORAGE and journal.exists(), f"the factor is gone: {failed}"
        self.finishes(self.lines, out)
        print("the factor of 'lines' stays as long as nothing is published")

    def check_replaced(self):
        """What lies in the place of the new output once the old one is replaced, namely the old one, is never taken for it."""
        old = write_recipe(linear(self.folder / "a", self.folder / "base"), self.folder / "old.yaml")
        for number, kill in enumerate(("exchange:after", "exchange:times=0:EINVAL; rename_if_absent:after")):
            out = self.folder / f"replaced-{number}"
            self.finishes(old, out)
            self.killed(self.linear, out, kill, "--overwrite")
            assert digest_of(out) == self.expected(self.linear), "killed before it was replaced"
            shutil.rmtree(out)
            self.finishes(self.linear, out, "--overwrite", *TRUSTING)
            assert not Path(f"{out}.stockpot").exists(), "left behind"
        print("killed once the old output is replaced, and the new one removed: the same bytes")

    def check_replaced_stages(self):
        """The same for a stage. Whenever it is killed, the next start leaves nothing beside the stage."""
        old, new = self.staged("base"), self.staged("b")
        kills = ("exchange:after", "unlink:path=A.stockpot/data/model-:after", "unlink:path=A.stockpot/publish.json:after")
        for number, kill in enumerate(kills):
            for keep in (True, False):
                stages, outs = self.folder / f"stages-{number}-{keep}", [self.folder / f"of-stages-{number}-{keep}-{n}" for n in range(3)]
                rules = () if keep else ("--no-keep-intermediates",)
                self.finishes(old, outs[0], "-I", stages)
                self.killed(new, outs[1], kill, "-I", stages, *rules)
                self.finishes(new, outs[1], "-I", stages, *rules)
                left = sorted(p.name for p in stages.iterdir())
                assert left == (["A"] if keep else []), f"left behind: {left}"
                self.finishes(new, outs[2], "-I", stages, *TRUSTING)
        print("killed once an old stage is replaced: nothing is left beside the new one, and the same bytes")

    def check_stage_of_another_recipe(self):
        """It is replaced, for nobody can tell it from one of this recipe before it was edited; but that is said, and before anything is made."""
        place, other = self.folder / "shared-stages", self.folder / "other-stages"
        for number, folder in enumerate((place, other)):
            self.finishes(self.staged("base"), self.folder / f"theirs-{number}", "-I", folder)
        of_another = digest_of(place / "A")
        recipe = stages(self.folder / "shared.yaml", linear("A", self.folder / "b"), A=linear("B"), B=linear(self.folder / "a"))
        out = self.folder / "shared"
        killed = self.killed(recipe, out, "pwrite:path=B.stockpot/data/model-:kill", "-I", place)
        assert "warning[STG009]" in killed.stderr and f"{place}/A " in killed.stderr, killed
        assert digest_of(place / "A") == of_another, "replaced before its turn"
        said = self.finishes(recipe, out, "-I", place, ranks=2).stderr
        assert said.count("STG009") == 1, said
        again = self.finishes(recipe, self.folder / "shared-again", "-I", place).stderr
        assert "stage 'A' is there already" in again and "STG009" not in again, again
        shutil.rmtree(place)
        merge = Started(self.program, recipe, self.folder / "shared-late", "--no-quiet", *OPTIONS, "-I", place, fault="rate=1MB")
        merge.wait_until((place / "B.stockpot/plan.json").exists, "the first stage has begun")
        shutil.copytree(other / "A", place / "A")
        code, said, _ = merge.end(120)
        assert code == 0 and said.count("STG009") == 1, said
        print("a stage that another recipe made is replaced, with a warning")

    def check_removed_stages(self):
        """Whoever is killed while stages are removed that are not to be kept goes on with it, and what is left is in nobody's way."""
        recipe = self.staged("b")
        for number, kill in enumerate(("unlink:path=/A/:after", "unlink:path=/A/model-:after", "unlink:path=/A/stockpot_run.json:kill")):
            for next_out in ("the-same", "another"):
                stages, out = self.folder / f"removed-{number}-{next_out}", self.folder / f"of-removed-{number}-{next_out}"
                options = ("-I", stages, "--no-keep-intermediates")
                self.killed(recipe, out, kill, *options)
                assert digest_of(out) == self.expected(recipe), "killed too early"
                self.finishes(recipe, out if next_out == "the-same" else Path(f"{out}-too"), *options)
                assert not list(stages.iterdir()), f"left behind: {sorted(stages.rglob('*'))}"
        print("killed while stages are removed: they go with the next start")

    def staged(self, second):
        """The recipe's file. Stage A is made of a and the second model."""
        first = linear(self.folder / "a", self.folder / second)
        return stages(self.folder / f"stage-of-{second}.yaml", linear("A", self.folder / "base"), A=first)

    def check_finished_with_stages(self):
        """An output is recognised although its stages are gone, which alone could tell that their heads are their embeddings."""
        recipe = stages(self.folder / "tied.yaml", linear("A", self.folder / "tied/b"), A=self.tied)
        out = self.folder / "tied-out"
        self.finishes(recipe, out)
        again = self.run(recipe, out)
        assert again.code == 0 and "nothing to do" in again.stdout, again
        out, place = self.folder / "tied-resumed", self.folder / "tied-stages"
        self.killed(recipe, out, f"pwrite:path={out.name}.stockpot/data/model:kill", "-I", place)
        self.finishes(recipe, out, "-I", place)
        shutil.rmtree(place)
        again = self.run(recipe, out, "-I", place)
        assert again.code == 0 and "nothing to do" in again.stdout, f"gone on with by its stages: {again}"
        print("an output whose stages are gone is finished")

    def check_finished_beside_another_program(self):
        """The same where another program made one of its stages; of another model of that program it is another merge."""
        out, place = self.folder / "beside", self.folder / "beside-stages"
        middle = linear("A", self.folder / "tied/b") | {"stockpot": {"keep_tied_heads": True}}
        recipe = stages(self.folder / "beside.yaml", linear("B", "C"), C=self.tied, A=self.tied, B=middle)
        shutil.copytree(self.folder / "tied/a", place / "C")
        for what in ("made", "there", "gone"):
            again = self.run(recipe, out, "-I", place)
            assert again.code == 0 and ("nothing to do" in again.stdout) == (what != "made"), f"its stages are {what}: {again}"
            if what == "there":
                shutil.rmtree(place / "A")
        os.utime(sorted((place / "C").glob("*.safetensors"))[0])
        again = self.run(recipe, out, "-I", place)
        assert again.code == EXISTS and "OUT001" in again.stderr, f"another model: {again}"
        print("an output of which another program made a stage is finished as long as that is the same")

    def check_late_stage(self):
        """What another program puts in the place of a stage during the merge, which was planned without it, is not used."""
        place = self.folder / "late-stages"
        recipe = stages(self.folder / "late.yaml", linear("B", self.folder / "a"), A=self.task_arithmetic(), B=linear("A"))
        merge = Started(self.program, recipe, self.folder / "late", *OPTIONS, "-I", place, fault="rate=1MB")
        merge.wait_until((place / "A.stockpot/plan.json").exists, "the first stage has begun")
        shutil.copytree(self.folder / "base", place / "B")
        code, said, _ = merge.end(120)
        assert code == EXISTS and "OUT001" in said, said
        assert digest_of(place / "B") == digest_of(self.folder / "base")
        print("a model that comes into a stage's place during the merge stays, and is not taken for the stage")

    def check_staged_output_in_place_of_a_stage(self):
        """What is staged of an output of its own is not thrown away for a stage; what is staged of an edited stage is."""
        place = self.folder / "staged-stages"
        place.mkdir()
        last = linear("A", self.folder / "b")
        recipe = stages(self.folder / "staged.yaml", last, A=linear(self.folder / "a"))
        edited = stages(self.folder / "edited.yaml", last, A=self.task_arithmetic())
        self.killed(self.linear, place / "A", "rate=20MB; pwrite:nth=20:path=data/model-:kill")
        for first in (recipe, stages(self.folder / "late-staged.yaml", last, A=linear("B"), B=linear(self.folder / "a"))):
            refused = self.run(first, self.folder / "staged", "-I", place)
            assert refused.code == RECIPE and "RES001" in refused.stderr, refused
            left = sorted(p.name for p in place.iterdir())
            assert left == ["A.stockpot"], f"refused after something was made: {left}"
        self.finishes(self.linear, place / "A")
        assert json.loads((place / "A/stockpot_run.json").read_text())["units_resumed"] > 0
        shutil.rmtree(place / "A")
        self.killed(recipe, self.folder / "staged", "rate=20MB; pwrite:nth=5:path=A.stockpot/data/model-:kill", "-I", place)
        self.finishes(edited, self.folder / "staged", "-I", place)
        print("what is staged of an output stays; what is staged of a stage goes when its recipe is another one")

    def check_finished(self):
        """An output is finished if all files of weights are there and its small files would be the same."""
        config = self.folder / "a" / "config.json"
        before = config.read_text()

        def change_config(_):
            config.write_text(json.dumps(json.loads(before) | {"rope_theta": 12345.0}))

        changes = {
            "a shard is gone": lambda out: sorted(out.glob("*.safetensors"))[1].unlink(),
            "a shard is cut": lambda out: os.truncate(sorted(out.glob("*.safetensors"))[0], 1000),
            "another config.json": change_config,
        }
        for number, (title, change) in enumerate(changes.items()):
            out = self.folder / f"finished-{number}"
            self.finishes(self.linear, out)
            assert "nothing to do" in self.run(self.linear, out).stdout
            change(out)
            again = self.run(self.linear, out)
            assert again.code == EXISTS and "OUT001" in again.stderr, f"{title}: {again}"
            config.write_text(before)
        print("what is not whole, or would be other files now, is not finished")

    def check_stop_while_measuring(self):
        """The sweep that measures for 'lines' ends soon when it is told to, not when it has read everything."""
        reads = {}
        for title, told in (("undisturbed", False), ("stopped", True)):
            trace = self.folder / f"trace-{title}"
            fault = f"trace={trace}; rate=1MB"
            merge = Started(self.program, self.lines, self.folder / f"measured-{title}", *OPTIONS, fault=fault)
            if told:
                merge.wait_until(lambda t=trace: self.reads_in(t) >= 30, "more reads than headers take")
                merge.process.send_signal(signal.SIGTERM)
            code, said, _ = merge.end(120)
            assert code == (STOPPED if told else 0), said
            reads[title] = self.reads_in(trace)
        assert reads["stopped"] < reads["undisturbed"] / 3, reads
        print(f"told to stop while measuring: {reads['stopped']} of {reads['undisturbed']} reads")

    def reads_in(self, trace):
        lines = trace.read_text().splitlines() if trace.exists() else []
        return sum(" pread " in line and "/model-" in line for line in lines)


def main(binary):
    with temporary_folder() as temporary:
        tests = LeftBehind(Program(binary), Path(temporary))
        tests.check_lost_files()
        tests.check_damaged_units()
        tests.check_interrupted_removal()
        tests.check_lost_factor()
        tests.check_kept_factor()
        tests.check_stages_stay()
        tests.check_finished_stages()
        tests.check_replaced()
        tests.check_replaced_stages()
        tests.check_stage_of_another_recipe()
        tests.check_removed_stages()
        tests.check_finished_with_stages()
        tests.check_finished_beside_another_program()
        tests.check_late_stage()
        tests.check_staged_output_in_place_of_a_stage()
        tests.check_finished()
        tests.check_stop_while_measuring()


if __name__ == "__main__":
    main(sys.argv[1])
