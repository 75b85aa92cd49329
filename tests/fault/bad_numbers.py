"""Inputs that are not finite, and results that are not: exit code, one report that says where, nothing left behind.

bad_numbers.py STOCKPOT
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.program import Program  # noqa: E402
from support.refusals import Refusal, check_all  # noqa: E402
from support.wrong_models import NORM, WIDE, Models  # noqa: E402

NUMERIC = 5


def number_cases(models):
    good = models.good["a"].tensors
    nan = good[NORM].copy()
    nan[[17, 40]] = np.nan, np.inf
    one, two, late_nan = models.wide("one", 0, 1), models.wide("two", 0, 2), models.wide("late_nan", 9001, np.nan)
    of_one_element = [WIDE, late_nan, r"\b9001\b", r"\b1 NaN\b"]
    everywhere = models.wide("everywhere", slice(None), np.nan, elements=1 << 22)
    return [
        Refusal(
            "NaN in one model",
            models.linear("a", models.changed("nan", NORM, nan)),
            NUMERIC,
            ["TEN030", NORM, models.path("nan"), r"\b17\b", r"\b2\b", "nonfinite"],
        ),
        Refusal(
            "overflow on the way to f16",
            models.linear("a", models.changed("large", NORM, good[NORM] * np.float32(1e7)), out_dtype="float16"),
            NUMERIC,
            ["TEN030", NORM, "nonfinite"],
        ),
        Refusal(
            "NaN late in a tensor of bfloat16", models.linear(one, late_nan), NUMERIC, ["TEN030", *of_one_element]
        ),
        *(
            Refusal(
                f"NaN that {method} meets in a pass, {len(parameters)} parameters",
                models.task("base", one, late_nan, merge_method=method, base_model=two, parameters=parameters),
                NUMERIC,
                ["TEN030", *of_one_element],
            )
            for method, parameters in (
                ("ties", {"density": 0.4}),
                ("ties", {"density": 0.4, "rescale": True, "pre_drop": 0.01}),
                ("consensus", {"inner": "ties"}),
                ("breadcrumbs", {"density": 0.4}),
                ("dare_linear", {"density": 0.4, "rescale": True}),
                ("multislerp", {}),
            )
        ),
        Refusal(
            "NaN that all threads meet at once",
            models.linear(models.wide("finite", 0, 1, elements=1 << 22), everywhere),
            NUMERIC,
            ["TEN030", WIDE, everywhere, r"\b4194304 NaN\b", r"flat index 0\b"],
            threads=4,
        ),
        *(
            Refusal(
                f"the alpha of lines, of {value}",
                models.task("base", models.wide(f"one_{value}", 7, value), base_model=two, parameters={"lines": {"alpha": "auto"}}),
                NUMERIC,
                ["TEN030", "alpha of 'lines'"],
                options=("--nonfinite", "propagate"),
            )
            for value in (np.inf, np.nan)
        ),
        Refusal(
            "a sum that bfloat16 does not hold",
            models.linear(
                models.wide("huge", 9001, 3.3895e38),
                models.wide("little", 9001, 1e36),
                parameters={"normalize": False},
            ),
            NUMERIC,
            ["TEN030", WIDE, "fit BF16", r"\b9001\b", "out_dtype"],
        ),
    ]


def main(binary):
    with tempfile.TemporaryDirectory() as temporary:
        models, runs = Models(Path(temporary) / "models"), Path(temporary) / "runs"
        runs.mkdir()
        check_all(Program(binary), runs, number_cases(models))


if __name__ == "__main__":
    main(sys.argv[1])
