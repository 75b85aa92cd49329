"""What a case is, and the models of one architecture that cases are about."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from architectures import ARCHITECTURES
from loading import state_of, tokenizer_of

BF16_ROUNDING = 2.0**-8
EXACT = 2e-7  # of a tensor's largest element: one rounding to float32, and one of the library's own


@dataclass
class Case:
    title: str
    recipe: dict | list  # a list is one document per stage
    expected: Callable | None = None  # -> name -> tensor
    tolerance: float = EXACT
    options: tuple = ()
    check: Callable | None = None  # of what was loaded


class Family:
    """The models of one architecture under the names that recipes use."""

    def __init__(self, root, name):
        self.name, self.folder, self.architecture = name, Path(root) / name, ARCHITECTURES[name]

    def state(self, model):
        return state_of(self.folder / model, self.name)

    def tokenizer(self, model):
        return tokenizer_of(self.folder / model)

    def has(self, model):
        return (self.folder / model).exists()

    def layers(self, stack=None):
        stack = stack or self.architecture.stack
        return len({n[len(stack) + 1 :].split(".")[0] for n in self.state("base") if n.startswith(stack + ".")})


def weighted(**weights):
    return [{"model": m, "parameters": {"weight": w}} for m, w in weights.items()]
