"""For every method several recipes over the models base, a, b, c: each option in some value that is not its default."""

from support.reference import METHODS

WEIGHTS = [0.7, -0.4, 1.3]
DENSITIES = [0.35, 0.6, 0.8]
MIXED = [1, 0.4, 0]


def recipe(method, shared=None, models="abc", base="base", **per_model):
    entries = [{"model": m, "parameters": {k: v[i] for k, v in per_model.items()}} for i, m in enumerate(models)]
    made = {"merge_method": method, "models": entries, "parameters": shared or {}}
    return made | ({"base_model": base} if base else {})


def linear_variants():
    weighted = {"weight": [0.3, 0.6, -0.2]}
    return {
        "linear": recipe("linear", base=None, **weighted),
        "linear, sum": recipe("linear", {"normalize": False}, base=None, **weighted),
        "uniform_soup": recipe("uniform_soup", base=None),
        "median": recipe("median", base=None),
        "median of two": recipe("median", models="ac", base=None),
        "median of four": recipe("median", models=["a", "base", "b", "c"], base=None),
        "geometric_median": recipe("geometric_median", base=None),
        "geometric_median, weights": recipe("geometric_median", {"eps": 0.01}, base=None, weight=[1, 2, 0.5]),
        "geometric_median, two steps": recipe("geometric_median", {"max_iter": 2}, base=None),
        "geometric_median, tol": recipe("geometric_median", {"tol": 1e-3}, base=None, weight=[3, 1, 1]),
        "passthrough": recipe("passthrough", models="b", base=None),
        "passthrough, scale": recipe("passthrough", models="b", base=None, scale=[-0.3]),
        "passthrough, scale by tensor": recipe(
            "passthrough", models="b", base=None, scale=[[{"filter": "odd", "value": 2}, {"value": [0.5, 1.5]}]]
        ),
    }


def spherical_variants():
    rows = {"nuslerp_flatten": False}
    columns = rows | {"nuslerp_row_wise": True}
    three = {"weight": [1, 2, 0.5]}
    return {
        "slerp": recipe("slerp", {"t": 0.3}, models=["base", "a"]),
        "slerp, gradient": recipe("slerp", {"t": [0, 1, 0.5]}, models=["base", "b"]),
        "slerp, threshold": recipe("slerp", {"t": 0.6, "dot_threshold": 0.5}, models=["c", "a"], base="c"),
        "slerp, extrapolated": recipe("slerp", {"t": 1.5, "extrapolate": True}, models=["base", "a"]),
        "nuslerp": recipe("nuslerp", models="ab", base=None, weight=[3, 1]),
        "nuslerp, no weight": recipe("nuslerp", models="ac", base=None, weight=[1, -1]),
        "nuslerp, base": recipe("nuslerp", models="ab", weight=[1, 2]),
        "nuslerp, rows": recipe("nuslerp", rows, models="ac", base=None, weight=[1, 3]),
        "nuslerp, rows of changes": recipe("nuslerp", rows, models="ab", weight=[2, 1]),
        "nuslerp, columns": recipe("nuslerp", columns, models="bc", base=None, weight=[1, 1]),
        "nuslerp, columns of changes": recipe("nuslerp", columns, models="ac", weight=[1, 4]),
        "multislerp": recipe("multislerp", base=None, **three),
        "multislerp, base": recipe("multislerp", **three),
        "multislerp, weights as they are": recipe("multislerp", {"normalize_weights": False}, base=None, **three),
        "multislerp, eps": recipe("multislerp", {"eps": 1e-3}, **three),
        "multislerp of two": recipe("multislerp", models="ab", weight=[1, 1]),
        "multislerp of one": recipe("multislerp", models="b", base=None, weight=[2]),
        "karcher": recipe("karcher", base=None),
        "karcher, weights": recipe("karcher", base=None, **three),
        "karcher, no step": recipe("karcher", {"max_iter": 0}, base=None),
        "karcher, tol": recipe("karcher", {"max_iter": 3, "tol": 0.01}, base=None),
        "karcher of one": recipe("karcher", models="c", base=None),
    }


def task_variants(method, shared=None, density=None, **more):
    density = {"density": density or DENSITIES} if method != "task_arithmetic" else {}
    return recipe(method, shared, weight=WEIGHTS, **density, **more)


def rescale_variants(method, modes):
    return {f"{method}, {m}": task_variants(method, {"rescale": True, "rescale_mode": m}) for m in modes}


def ties_variants():
    def ties(density=None, **shared):
        return task_variants("ties", shared, density)

    model = {"scope": "model", "density": [0.3, 0.7, 0.5]}
    return {
        "ties": ties(),
        "ties, hash": ties(tie_break="hash"),
        "ties, at_least": ties(trim_rule="at_least"),
        "ties, mixed densities": ties(MIXED),
        "ties, count": ties(sign_consensus="count", zero_sign="majority"),
        "ties, sum of what agrees": ties(normalize=False, zero_sign="majority", **{"lambda": 0.4}),
        "ties, lines": ties(lines={"alpha": 0.3, "beta": 0.5}),
        "ties, lines found": ties(lines={"alpha": "auto", "beta": 0.5}),
        "ties after dropping": task_variants("ties", pre_drop=[0.5, 0.9, 1]),
        "ties, model": ties(**model),
        "ties, model, majority": ties(**model, zero_sign="majority", normalize=False),
        "ties, model, hash": ties(**model, tie_break="hash"),
        "ties, model, at_least": ties(**model, trim_rule="at_least", zero_sign="majority"),
        "ties, model, l1": ties(**model, rescale=True),
        "ties, model, linf": ties(**model, rescale=True, rescale_mode="linf"),
        "ties, model, lines found": ties(**model, lines={"alpha": "auto"}),
    } | rescale_variants("ties", ["l1", "l2", "linf", "inv_density"])


def family_variants():
    made = {
        "task_arithmetic": task_variants("task_arithmetic"),
        "task_arithmetic, mean": task_variants("task_arithmetic", {"normalize": True, "lambda": 0.7}),
        "task_arithmetic, lines": task_variants("task_arithmetic", {"lines": {"alpha": 0.2, "beta": -0.7}}),
        "task_arithmetic, lines found": task_variants("task_arithmetic", {"lines": {"alpha": "auto", "beta": 1}}),
    }
    for method in ("dare_linear", "dare_ties"):
        made |= rescale_variants(method, ["l1", "l2", "linf", "inv_density", "none"])
        made[f"{method}, mixed densities"] = task_variants(method, {"normalize": True}, MIXED)
    made["dare_ties, count"] = task_variants("dare_ties", {"sign_consensus": "count", "zero_sign": "majority"})
    made["dare_ties, lines found"] = task_variants("dare_ties", {"lines": {"alpha": "auto", "beta": 0.5}})
    for method in ("della_linear", "della"):
        made |= rescale_variants(method, ["l1", "linf", "inv_density", "inv_prob", "none"])
        epsilons = {"epsilon": [0.3, 0.05, 0.1]}
        made[f"{method}, epsilons"] = task_variants(method, {"rescale_mode": "inv_prob"}, **epsilons)
        made[f"{method}, hash"] = task_variants(method, {"tie_break": "hash", "rescale_mode": "inv_prob"}, **epsilons)
        made[f"{method}, mixed densities"] = task_variants(method, {"lambda": 0.5}, MIXED)
    made["della, majority"] = task_variants("della", {"rescale_mode": "inv_prob", "zero_sign": "majority"})
    made["della, lines"] = task_variants("della", {"rescale": False, "lines": {"alpha": 0.5, "beta": 0.5}})
    made["della, count"] = task_variants("della", {"sign_consensus": "count", "normalize": False})
    for method in ("breadcrumbs", "breadcrumbs_ties"):
        outliers = {"gamma": [0.05, 0.2, 0.11]}
        made[method] = task_variants(method, **outliers)
        made[f"{method}, no room"] = task_variants(method, gamma=[0.9, 0.5, 0.2])
        made[f"{method}, by default"] = task_variants(method)
        made[f"{method}, mixed densities"] = task_variants(method, {"lambda": 0.5}, MIXED, gamma=[0.1, 0, 0.1])
        made[f"{method}, hash"] = task_variants(method, {"tie_break": "hash"}, **outliers)
        made[f"{method}, rows"] = task_variants(method, {"scope": "row"}, **outliers)
        made[f"{method}, rows, hash"] = task_variants(method, {"scope": "row", "tie_break": "hash"}, **outliers)
        made[f"{method}, rows, l1"] = task_variants(method, {"scope": "row", "rescale": True}, **outliers)
        made[f"{method}, linf"] = task_variants(method, {"rescale": True, "rescale_mode": "linf"}, **outliers)
    made["breadcrumbs, lines"] = task_variants("breadcrumbs", {"lines": {"alpha": 0.5, "beta": 0.5}})
    made["breadcrumbs_ties, majority"] = task_variants("breadcrumbs_ties", {"zero_sign": "majority"})
    made["breadcrumbs_ties, count"] = task_variants("breadcrumbs_ties", {"sign_consensus": "count", "normalize": True})
    return made


def selection_variants():
    ramplus = {"epsilon": 2e-3, "r": 0.5, "alpha": 2}
    return {
        "sce": recipe("sce"),
        "sce, some": recipe("sce", {"select_topk": 0.3}),
        "sce, hash": recipe("sce", {"select_topk": 0.5, "tie_break": "hash"}),
        "sce, floor": recipe("sce", {"select_topk": 0.8, "weight_floor": 1e-4}),
        "sce, none": recipe("sce", {"select_topk": 0}),
        "sce, lines": recipe("sce", {"lines": {"alpha": 0.5, "beta": 0.25}}),
        "sce, lines found": recipe("sce", {"lines": {"alpha": "auto"}}),
        "ram": recipe("ram"),
        "ram, epsilon": recipe("ram", {"epsilon": 0.005, "lines": {"alpha": 0.4}}),
        "ram, all": recipe("ram", {"epsilon": 0}),
        "ramplus_tl": recipe("ramplus_tl"),
        "ramplus_tl, far": recipe("ramplus_tl", ramplus),
        "ramplus": recipe("ramplus"),
        "ramplus, lines": recipe("ramplus", {"lines": {"alpha": 0.5, "beta": 0.25}}),
        "ramplus, far": recipe("ramplus", ramplus),
        "model_stock": recipe("model_stock"),
        "model_stock of two": recipe("model_stock", {"cos_eps": 0}, models="ab"),
        "model_stock, rows": recipe("model_stock", {"filter_wise": True, "t_clamp": "unit"}),
        "model_stock, angle": recipe("model_stock", {"angle_mean": "angle", "cos_eps": 0.01}),
        "nearswap": recipe("nearswap", {"t": 0.004}, models="a"),
        "nearswap, little": recipe("nearswap", {"t": 3e-7}, models="b"),
        "nearswap, nothing": recipe("nearswap", {"t": 0}, models="b"),
        "nearswap, all": recipe("nearswap", {"t": 10}, models="c"),
        "arcee_fusion": recipe("arcee_fusion", models="a"),
        "arcee_fusion, other base": recipe("arcee_fusion", models=["b"], base="c"),
        "magmax": recipe("magmax"),
        "magmax, half": recipe("magmax", {"lambda": 0.5}),
        "magmax, sum": recipe("magmax", {"elect": "sum", "lines": {"alpha": 0.5, "beta": 0.5}}),
    }


def competition_variants():
    inner = {"inner": "ties"}
    pcb = {"ratio": 0.3, "clip": 0.02}
    return {
        "consensus": recipe("consensus"),
        "consensus, weights": recipe("consensus", {"mask_lambda": 0.6, "lambda": 0.4}, weight=WEIGHTS),
        "consensus of one": recipe("consensus", {"min_models": 1, "mask_lambda": 0.9}),
        "consensus of none": recipe("consensus", {"min_models": 0}),
        "consensus of all": recipe("consensus", {"min_models": 3, "mask_lambda": 0.2}),
        "consensus, lines": recipe("consensus", {"lines": {"alpha": 0.3, "beta": 0.9}}),
        "consensus, ties": recipe("consensus", inner),
        "consensus, ties, hash": recipe("consensus", inner | {"tie_break": "hash"}),
        "consensus, ties, weights": recipe("consensus", inner | {"min_models": 1, "lambda": 0.4}, weight=WEIGHTS),
        "metagpt": recipe("metagpt"),
        "metagpt, tensor": recipe("metagpt", {"scope": "tensor", "lambda": 0.5}),
        "metagpt, lines found": recipe("metagpt", {"lines": {"alpha": "auto", "beta": 0.2}}),
        "metagpt, lines": recipe("metagpt", {"lines": {"alpha": 0.3, "beta": 0.3}}),
        "pcb": recipe("pcb"),
        "pcb, options": recipe("pcb", pcb | {"lambda": 1.5}, weight=[1, 0.5, 2]),
        "pcb, lines": recipe("pcb", {"lines": {"alpha": 0.6, "beta": 0.1}}),
        "pcb, tensor": recipe("pcb", pcb | {"scope": "tensor"}),
        "pcb, tensor, all": recipe("pcb", {"scope": "tensor", "ratio": 1, "clip": 0}, models="ab"),
    }


def matrix_variants():
    return {
        "tsvm": recipe("tsvm"),
        "tsvm, weights": recipe("tsvm", {"lambda": 0.5}, models="ac", weight=[1, -0.5]),
        "tsvm of one": recipe("tsvm", models="b"),
        "tsvm, exclude": recipe("tsvm", {"exclude": ["tall", "proj"], "lines": {"alpha": 0.5, "beta": 0.1}}),
        "iso_c": recipe("iso_c"),
        "iso_c, exclude": recipe("iso_c", {"exclude": ["lm_head"], "lambda": 1.5}, models="ab"),
        "iso_c, lines": recipe("iso_c", {"lines": {"alpha": 0.5, "beta": 0.5}}),
        "iso_cts": recipe("iso_cts"),
        "iso_cts, halves": recipe("iso_cts", {"common_fraction": 0.5, "exclude": ["norm"]}, models="ab"),
        "iso_cts, all of their own": recipe("iso_cts", {"common_fraction": 0}),
        "iso_cts, all common": recipe("iso_cts", {"common_fraction": 1, "lambda": 0.3}),
    }


def all_variants():
    """Title -> recipe; the title begins with the method."""
    made = linear_variants() | spherical_variants() | ties_variants() | family_variants()
    made |= selection_variants() | competition_variants() | matrix_variants()
    assert {recipe_["merge_method"] for recipe_ in made.values()} == METHODS.keys()
    return made
