"""Trainings of ResNet-8 that tell three properties of a codebook of about 2 bits apart."""

import itertools

from live_range import LiveRange
from resnet8_curves import SIZES
from resnet8_runs import OWN_RANGE, Run, joint

import tfqd

BUDGET = 31_000  # bytes

RANGES = {"live": "follows the largest weights", "own": "trained"}
LAYOUTS = {"tensor": "a tensor", "channel": "a channel"}
CODES = {"nearest": "4, the nearest", "length": "16, by error and code length"}


def name_of(scale: str, layout: str, codes: str) -> str:
    """What the run is called that has these three properties."""
    return f"factors_{scale}_{layout}_{codes}"


def _spec(scale: str, layout: str, codes: str) -> tfqd.Spec:
    cut = {"layout": "channel"} if layout == "channel" else {}
    if codes == "nearest":
        return joint(2, **(OWN_RANGE if scale == "own" else {"scaling": "symmetric"}), **cut)
    kind = tfqd.EntropyCodebook if scale == "own" else LiveRange
    return kind(average_bits=2, bits=4, **cut)


def _run(*properties: str, budget: int | None = None) -> Run:
    """On labels alone, with the settings of the curves' runs of 4 levels."""
    return Run(_spec(*properties), budget=budget, distil=False, **SIZES[4][1])


def _budget(scale: str, layout: str, codes: str) -> int | None:
    """Trained steps become finer where code lengths count, and are held to what live ones take."""
    return BUDGET if (scale, codes) == ("own", "length") else None


FACTORS = {
    name_of(*each): _run(*each, budget=_budget(*each))
    for each in itertools.product(RANGES, LAYOUTS, CODES)
}
FACTORS["factors_free"] = _run("own", "tensor", "length")
