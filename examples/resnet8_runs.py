"""The trainings of the ResNet-8 example: what is quantized, how, and from whom it learns."""

import dataclasses

import tfqd


@dataclasses.dataclass(frozen=True)
class Run:
    """One training.

    spec: what the kernels are quantized to; None for float.
    phases: bits by the share of the epochs at which they begin; none for the
        spec's own from the start.
    budget: bytes of the archive that the training itself keeps to; None for those
        that come of it.
    allocated: whether bits are allotted to the kernels, within the budget or the
        bytes of the model that is quantized to `spec`.
    distil: whether the teacher counts.
    teacher: ``"itself"``, the float ResNet-8, or ``"resnet20"``, a better one.
    trained: whether it is trained at all.
    shift: pixels by which images are moved at random. A student of few bits
        does not even fit the images as they are, and wants less of it.
    """

    spec: tfqd.Spec | None
    phases: dict[float, int] = dataclasses.field(default_factory=dict)
    budget: int | None = None
    allocated: bool = False
    distil: bool = True
    teacher: str = "itself"
    trained: bool = True
    shift: int = 4
    temperature: float = 2.0
    student_loss_weight: float = 0.3
    learning_rate: float = 1e-3

    def phases_of(self, epochs: int) -> dict[int, int]:
        """Bits by the epoch at which they begin."""
        return {int(share * epochs): bits for share, bits in self.phases.items()}

    def settings(self, epochs: int) -> dict:
        """What the results file says of the run."""
        settings = {"spec": None if self.spec is None else self.spec.to_dict()}
        if self.trained:
            settings["phases"] = self.phases_of(epochs)
            settings["budget"] = self.budget
            settings["shift"] = self.shift
            settings["teacher"] = self.teacher if self.distil else None
            settings["temperature"] = self.temperature if self.distil else None
            settings["student_loss_weight"] = self.weight_of_labels
            settings["learning_rate"] = self.learning_rate
        return settings

    @property
    def weight_of_labels(self) -> float:
        return self.student_loss_weight if self.distil else 1.0


# The fewer bits, the further the weights have to go, and the more the teacher's
# whole distribution says.
RECIPES = {
    4: {"shift": 4},
    3: {"shift": 2},
    2: {"shift": 1, "temperature": 4.0, "learning_rate": 2e-3},
}
PAPER = {bits: tfqd.Uniform(bits=bits, bucket_size=256) for bits in (8, 4, 3, 2)}
PHASES = {4: {0: 4}, 3: {0: 4, 0.2: 3}, 2: {0: 4, 0.1: 3, 0.3: 2}}
LEARNED = {bits: tfqd.LearnedStep(bits=bits) for bits in RECIPES}
POINTS = {bits: tfqd.Codebook(bits=bits, bucket_size=256, train="points") for bits in RECIPES}


def joint(bits: int, points: int | None = None, **options) -> tfqd.Codebook:
    """Points that are trained with the weights; one scale a tensor, as a learned step has it."""
    return tfqd.Codebook(
        bits=bits,
        points=points,
        bucket_size=None,
        init="kmeans",
        gradient_scale="lsq",
        **options,
    )


# A scale that is trained, where it otherwise follows a tensor's largest weights.
OWN_RANGE = {"scale": "learned", "scaling": "symmetric"}
# The numbers of points at which a codebook takes about the bytes of a learned step; at 4
# bits it does with all 16.
EQUAL_BYTES = {3: 9, 2: 5}

RUNS = {
    "float": Run(None, trained=False),
    "float_control": Run(None),
    **{f"post_training_{bits}bit": Run(spec, trained=False) for bits, spec in PAPER.items()},
    **{
        f"post_training_points_{bits}bit": Run(spec, trained=False) for bits, spec in POINTS.items()
    },
    **{
        f"post_training_budget_{bits}bit": Run(PAPER[bits], allocated=True, trained=False)
        for bits in RECIPES
    },
}
for _bits, _recipe in RECIPES.items():
    RUNS |= {
        f"distilled_{_bits}bit": Run(LEARNED[_bits], **_recipe),
        f"taught_{_bits}bit": Run(LEARNED[_bits], teacher="resnet20", **_recipe),
        f"control_{_bits}bit": Run(LEARNED[_bits], distil=False, **_recipe),
        f"codebook_{_bits}bit": Run(joint(_bits), **_recipe),
        f"points_{_bits}bit": Run(POINTS[_bits], **_recipe),
        f"own_range_{_bits}bit": Run(joint(_bits, **OWN_RANGE), distil=False, **_recipe),
        f"points_own_range_{_bits}bit": Run(
            dataclasses.replace(POINTS[_bits], init="kmeans", **OWN_RANGE), **_recipe
        ),
        f"points_own_range_labels_{_bits}bit": Run(
            dataclasses.replace(POINTS[_bits], init="kmeans", **OWN_RANGE), distil=False, **_recipe
        ),
        f"points_own_range_taught_{_bits}bit": Run(
            dataclasses.replace(POINTS[_bits], init="kmeans", **OWN_RANGE),
            teacher="resnet20",
            **_recipe,
        ),
        f"points_channel_labels_{_bits}bit": Run(
            tfqd.Codebook(
                bits=_bits,
                bucket_size=None,
                layout="channel",
                train="points",
                init="kmeans",
                **OWN_RANGE,
            ),
            distil=False,
            **_recipe,
        ),
        f"points_short_labels_{_bits}bit": Run(
            dataclasses.replace(POINTS[_bits], bucket_size=128, init="kmeans", **OWN_RANGE),
            distil=False,
            **_recipe,
        ),
        f"budget_{_bits}bit": Run(LEARNED[_bits], allocated=True, **_recipe),
        f"uniform_{_bits}bit": Run(PAPER[_bits], PHASES[_bits], **_recipe),
    }
for _bits, _points in EQUAL_BYTES.items():
    RUNS[f"codebook_{_points}points"] = Run(joint(_bits + 1, _points), **RECIPES[_bits])
# Codes chosen with their length in view, bits at one price, on labels alone and from a
# better teacher. The file holds some 100 bytes of facts besides.
for _bytes in (20_000, 26_400, 36_900, 45_900):
    _bits, _levels = (2, 4) if _bytes < 30_000 else (3, 6)
    _cheap = Run(
        tfqd.EntropyConstrained(average_bits=_bits, bits=_levels),
        budget=_bytes,
        distil=False,
        shift=2,
        learning_rate=2e-3,
    )
    RUNS[f"cheap_{_bytes}bytes"] = _cheap
    _allotted = dataclasses.replace(_cheap, allocated=True, shift=1 if _bits == 2 else 2)
    RUNS[f"cheap_allotted_{_bytes}bytes"] = _allotted
    # For long trainings, in which images that are moved less are learned by heart.
    _long = dataclasses.replace(_allotted, shift=2)
    RUNS[f"cheap_long_{_bytes}bytes"] = _long
    RUNS[f"cheap_light_{_bytes}bytes"] = dataclasses.replace(
        _long, spec=dataclasses.replace(_cheap.spec, rate_weight=0.08)
    )
    RUNS[f"cheap_taught_{_bytes}bytes"] = dataclasses.replace(
        _long, distil=True, teacher="resnet20", temperature=4.0
    )
