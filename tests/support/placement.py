"""Which inputs and which parameter values an output tensor gets, from a recipe as a Python dictionary.

Covers `models`, `slices` and `modules: {default: ...}` of models with at most one stack of layers.
"""

import fnmatch
import re
from dataclasses import dataclass, field

BOOLEAN = {
    "normalize",
    "rescale",
    "int8_mask",
    "filter_wise",
    "extrapolate",
    "normalize_weights",
    "nuslerp_flatten",
    "nuslerp_row_wise",
}
TEXT = {
    "rescale_mode",
    "zero_sign",
    "trim_rule",
    "scope",
    "angle_mean",
    "t_clamp",
    "sign_consensus",
    "tie_break",
    "elect",
    "inner",
}
WITHOUT_BASE = {"linear", "uniform_soup", "passthrough", "karcher", "median", "geometric_median"}

POST_COMPONENTS = {
    "lm_head",
    "embed_out",
    "output",
    "output_layer",
    "vocab_projector",
    "cls",
    "score",
    "classifier",
    "pre_classifier",
    "pooler",
    "qa_outputs",
    "vocab_transform",
    "vocab_layer_norm",
    "vision_adapter",
    "post_layernorm",
    "layernorm_post",
}
FINAL_NORM = re.compile(r"(final_|output_)?(layer_?norm|norm|ln)_?f?$")


@dataclass
class Model:
    """A checkpoint in memory: name -> array, and what its config.json says."""

    tensors: dict
    config: dict = field(default_factory=dict)


@dataclass
class Source:
    model: str
    name: str
    parameters: dict
    key: str


@dataclass
class Placement:
    name: str
    sources: list
    base: Source | None
    levels: list  # parameters of slice, module and document
    depth: float
    layer: int | None = None  # of the output
    layers: int = 0


def split_layer(name):
    """(container, layer, suffix) of the first component that is all digits; None without one."""
    parts = name.split(".")
    for i, part in enumerate(parts):
        if i > 0 and part.isdigit():
            return ".".join(parts[:i]), int(part), ".".join(parts[i + 1 :])
    return None


def stack_of(model):
    """The container of the layers and how many there are; (None, 0) if every name is loose."""
    layers = {}
    for name in model.tensors:
        if split := split_layer(name):
            layers.setdefault(split[0], {}).setdefault(split[2], set()).add(split[1])
    found = []
    for container, suffixes in layers.items():
        indices = set().union(*suffixes.values())
        n = len(indices)
        named = n in [v for k, v in model.config.items() if "layer" in k]
        common = sum(len(s) for s in suffixes.values()) >= 0.5 * n * len(suffixes)
        if n >= 2 and indices == set(range(n)) and (named or common):
            found.append((container, n))
    assert len(found) <= 1, "the reference knows one stack"
    return found[0] if found else (None, 0)


def is_post(name, container):
    parts = name.split(".")
    if POST_COMPONENTS & set(parts):
        return True
    parent = container.split(".")[:-1]
    return parts[: len(parent)] == parent and any(FINAL_NORM.match(p) for p in parts[len(parent) :])


def filter_matches(text, name):
    if text in (None, "*"):
        return True
    if text.startswith("re:"):
        return re.search(text[3:], name) is not None
    if text.startswith("glob:"):
        return fnmatch.fnmatchcase(name, text[5:])
    if text.startswith("layers:"):
        split = split_layer(name)
        spans = [part.split("-") for part in text[7:].split(",")]
        return split is not None and any(int(s[0]) <= split[1] <= int(s[-1]) for s in spans)
    return text in name


def evaluate(setting, parameter, name, depth):
    """The value of a setting for a tensor, or None if no case of it matches."""
    if isinstance(setting, dict):
        setting = [setting]
    if not isinstance(setting, list):
        return setting
    if isinstance(setting[0], dict):
        for case in setting:
            if filter_matches(case.get("filter"), name):
                return evaluate(case["value"], parameter, name, depth)
        return None
    position = depth * (len(setting) - 1)
    i0 = int(position)
    if parameter in BOOLEAN | TEXT:
        return setting[i0]
    i1 = min(len(setting) - 1, i0 + 1)
    f = position - i0
    return float((1 - f) * float(setting[i0]) + f * float(setting[i1]))


def look_up(places, parameter, name, depth, default):
    """The first of several places that yields a value."""
    for parameters in places:
        if parameter in parameters:
            value = evaluate(parameters[parameter], parameter, name, depth)
            if value is not None:
                return value
    return default


def slices_of(recipe):
    """(slice, parameters of its module) for each output slice; a `models` list is a slice without layer ranges."""
    if "modules" in recipe:
        module = recipe["modules"]["default"]
    else:
        module = {k: recipe[k] for k in ("models", "slices") if k in recipe}
    parameters = module.get("parameters", {})
    if "models" in module:
        return [({"sources": module["models"]}, parameters)]
    return [(s, parameters) for s in module["slices"]]


class Layout:
    """All placements of a recipe, for models given as reference text -> Model."""

    def __init__(self, recipe, models):
        self.recipe, self.models = recipe, models
        self.uses_base = recipe["merge_method"] not in WITHOUT_BASE
        first = slices_of(recipe)[0][0]["sources"][0]["model"]
        anchor = recipe.get("base_model", first)
        self.container, self.anchor_layers = stack_of(models[anchor])

    def placements(self):
        slices = slices_of(self.recipe)
        yield from self._loose(slices[0], post=False)
        ranges = [piece[0]["sources"][0].get("layer_range", (0, self.anchor_layers)) for piece in slices]
        counts = [end - start for start, end in ranges]
        number = 0
        for piece, count in zip(slices, counts):
            for j in range(count):
                depth = j / (count - 1) if count > 1 else 1.0
                for place in self._layer(piece, number, j, depth):
                    place.layer, place.layers = number, sum(counts)
                    yield place
                number += 1
        yield from self._loose(slices[-1], post=True)

    def _place(self, piece, name, source_name, depth):
        slice_, module_parameters = piece
        base = slice_.get("base_model", self.recipe.get("base_model"))
        sources = [
            Source(s["model"], source_name(s), s.get("parameters", {}), s.get("key", s["model"]))
            for s in slice_["sources"]
        ]
        base_source = None
        if self.uses_base and base is not None:
            listed = [s for s in sources if s.model == base]
            base_source = listed[0] if listed else Source(base, source_name({}), {}, base)
            sources = [s for s in sources if s.model != base]
        levels = [slice_.get("parameters", {}), module_parameters, self.recipe.get("parameters", {})]
        return Placement(name, sources, base_source, levels, depth)

    def _names(self, piece):
        names = [s["model"] for s in piece[0]["sources"]]
        base = piece[0].get("base_model", self.recipe.get("base_model"))
        if self.uses_base and base is not None:
            names.append(base)
        return sorted({name for model in names for name in self.models[model].tensors})

    def _loose(self, piece, post):
        depth = 1.0 if post and self.recipe.get("stockpot", {}).get("post_layer_t") else 0.0
        for name in self._names(piece):
            split = split_layer(name)
            if self.container is not None and split and split[0] == self.container:
                continue
            if (self.container is not None and is_post(name, self.container)) == post:
                yield self._place(piece, name, lambda s, n=name: n, depth)

    def _layer(self, piece, number, j, depth):
        def stored(source, suffix):
            return f"{self.container}.{source.get('layer_range', (0, 0))[0] + j}.{suffix}"

        suffixes = set()
        for name in self._names(piece):
            if (split := split_layer(name)) and split[0] == self.container:
                suffixes.add(split[2])
        for suffix in sorted(suffixes):
            yield self._place(piece, f"{self.container}.{number}.{suffix}", lambda s, x=suffix: stored(s, x), depth)
