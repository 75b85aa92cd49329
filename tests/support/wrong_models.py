"""A good family of models, and copies with one thing wrong."""

import ml_dtypes
import numpy as np

from support.checkpoints import write_model
from support.families import family
from support.placement import Model

NORM = "model.layers.1.input_layernorm.weight"
WIDE = "wide"


class Models:
    """`base`, `a` and `b` are good; changed() ones are `a` but for a tensor."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        self.good = family(2, seed=2, doubles=False)
        for name, model in self.good.items():
            write_model(folder / name, model)

    def path(self, name):
        return str(self.folder / name)

    def changed(self, name, tensor, values):
        model = self.good["a"]
        tensors = {n: v for n, v in model.tensors.items() if n != tensor}
        if values is not None:
            tensors[tensor] = values
        write_model(self.folder / name, Model(tensors, model.config))
        return self.path(name)

    def sharded(self, name):
        return write_model(self.folder / name, self.good["a"], shards=3)

    def linear(self, *models, **more):
        entries = [{"model": m if "/" in m else self.path(m), "parameters": {"weight": 1}} for m in models]
        return {"merge_method": "linear", "models": entries} | more

    def task(self, base, *models, **more):
        return self.linear(*models) | {"merge_method": "task_arithmetic", "base_model": self.path(base)} | more

    def wide(self, name, element, value, elements=10_000):
        """A model with a tensor of bfloat16 that is long enough to be merged in pieces, one element of which is `value`."""
        values = np.ones(elements, ml_dtypes.bfloat16)
        values[element] = value
        write_model(self.folder / f"{name}_wide", Model({WIDE: values}, self.good["a"].config))
        return self.path(f"{name}_wide")
