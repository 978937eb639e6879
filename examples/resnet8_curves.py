"""Trainings of ResNet-8 that compare methods at equal bytes, all by one protocol."""

from resnet8_runs import OWN_RANGE, Run, joint

import tfqd

# Labels alone. By the number of levels: the bytes that codes chosen with their length in view are
# trained to, and the settings of all methods.
SIZES: dict[int, tuple[int, dict]] = {
    3: (22_000, {"shift": 1, "learning_rate": 2e-3}),
    4: (27_700, {"shift": 1, "learning_rate": 2e-3}),
    8: (36_800, {"shift": 2, "learning_rate": 2e-3}),
    16: (45_500, {"shift": 4, "learning_rate": 1e-3}),
    32: (55_000, {"shift": 4, "learning_rate": 1e-3}),
}


def learned(levels: int, layout: str = "flat") -> tfqd.Spec:
    """A trained step, and 0 among the levels."""
    if levels == 3:
        return even(levels, layout)
    return tfqd.LearnedStep(bits=(levels - 1).bit_length(), layout=layout)


def even(levels: int, layout: str = "flat") -> tfqd.Spec:
    """A trained step, and as many levels below 0 as above."""
    options = {"train": "weights", "init": "uniform", "gradient_scale": "lsq", "layout": layout}
    return tfqd.Codebook(bits=8, bucket_size=None, **OWN_RANGE, **options).with_levels(levels)


def points(levels: int) -> tfqd.Spec:
    """A codebook with a range of its own."""
    return joint(8, **OWN_RANGE).with_levels(levels)


def chosen(levels: int, kind: type[tfqd.EntropyConstrained]) -> tfqd.Spec:
    """Codes of more levels, as many as clip no weight, chosen with their length in view."""
    if levels < 8:
        return kind(average_bits=2, bits=4)
    bits = levels.bit_length() - 1
    # Points are stored, levels of grids are not.
    return kind(average_bits=bits, bits=bits + (2 if kind is tfqd.EntropyCodebook else 3))


def name_of(method: str, levels: int) -> str:
    """What the run of a method at a size is called: by levels, or by the bytes of a budget."""
    if method.startswith("chosen"):
        return f"curve_{method}_{SIZES[levels][0]}"
    return f"curve_{method}_{2 if method == 'even' and levels == 3 else levels}"


def _runs() -> dict[str, Run]:
    runs = {}
    for levels, (size, settings) in SIZES.items():
        specs = {
            "learned": learned(levels),
            "channel": learned(levels, "channel"),
            "even": even(2 if levels == 3 else levels),
            "points": points(levels),
        }
        for method, spec in specs.items():
            runs[name_of(method, levels)] = Run(spec, distil=False, **settings)
        allotted = {"distil": False, "allocated": True, **settings}
        if levels > 3:
            runs[name_of("allotted", levels)] = Run(learned(levels), **allotted)
        kinds = {"chosen": tfqd.EntropyConstrained, "chosen_points": tfqd.EntropyCodebook}
        for method, kind in kinds.items():
            run = Run(chosen(levels, kind), budget=size, **allotted)
            runs[name_of(method, levels)] = run
    return runs


CURVES = _runs()
