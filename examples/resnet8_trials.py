"""Trainings of ResNet-8 at 2 bits by what others found, beside tfqd's own."""

from other_codebooks import Annealed, Normalized, Refreshed
from other_gradients import Ewgs, StableQat, Stopped
from resnet8_curves import SIZES, even, learned, points
from resnet8_runs import OWN_RANGE, Run

import tfqd

STEPS = 390  # of one epoch
_POINTS = {"bits": 2, "bucket_size": None, "init": "kmeans", "gradient_scale": "lsq"}
_FIXED = {**_POINTS, "scale": "fixed", "scaling": "symmetric", "train": "weights"}

SPECS: dict[str, tfqd.Spec] = {
    "learned": learned(4),
    "ewgs": Ewgs(bits=2),
    "stable": StableQat(bits=2),
    "even": even(4),
    "elastic": even(4, "channel"),
    "points": points(4),
    "stopped": Stopped(**_POINTS, **OWN_RANGE),
    "normalized": Normalized(**_POINTS, **OWN_RANGE),
    "refreshed": Refreshed(**_FIXED),
    "annealed": Annealed(**_FIXED, steps_of_training=STEPS),
}
NAMES = {
    "learned": "learned step, -2 to 1",
    "ewgs": "the same, its gradient by EWGS",
    "stable": "the same, its gradient by StableQAT",
    "even": "learned step, -3/2 to 3/2",
    "elastic": "the same, one a channel (ParetoQ's stretched elastic grid)",
    "points": "codebook with a trained range",
    "stopped": "the same, no gradient beyond the outermost points",
    "normalized": "the same, weights normalized in front (APoT)",
    "refreshed": "points at the means of their weights (LQ-Nets)",
    "annealed": "the same, weights going there by and by (PARQ)",
}
# Labels alone, with the settings of the curves' runs of 4 levels.
TRIALS = {f"trial_{name}": Run(SPECS[name], distil=False, **SIZES[4][1]) for name in NAMES}
