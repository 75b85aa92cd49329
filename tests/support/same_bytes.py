"""One merge in several ways that may not change its bytes."""

import re

from support.crash_sweep import digest_of


class SameBytes:
    def __init__(self, program, folder, recipe, options):
        """`recipe` is a file; `options` are of every run. Outputs are made in `folder`, under the names of the runs."""
        self.program, self.folder, self.recipe, self.options = program, folder, recipe, options
        self.expected = {}  # digests by the options that may change the bytes; whoever knows the reference sets them

    def run(self, name, *options, fault="", ranks=1, recipe=None):
        out = self.folder / re.sub(r"\W+", "-", name)
        command = ("merge", recipe or self.recipe, out, *self.options, *options)
        return out, self.program.run(*command, ranks=ranks, env={"STOCKPOT_FAULT": fault})

    def merged(self, name, *options, **more):
        out, outcome = self.run(name, *options, **more)
        assert outcome.code == 0, f"{name}: {outcome}"
        return out

    def same_bytes(self, name, *options, expected=(), **more):
        out = self.merged(name, *options, **more)
        assert digest_of(out) == self.expected[expected], f"{name}: other bytes"
        return out
