"""How the networks of the comparison are trained: as in the paper, and as one would today."""

import dataclasses
from collections.abc import Callable, Mapping

from learning_rates import Cosine, Plateau
from trainings import Data, Trainer, Training

import tfqd
from tfqd.distillation import LogitsDistillation
from tfqd.spec.selection import Selection


@dataclasses.dataclass(frozen=True)
class Recipe:
    """All that the runs share.

    name: as it is called in results.
    budget: the share of the epochs that are made.
    batch: images a step.
    shift: pixels by which images are moved at random.
    temperature, student_loss_weight: of the distillation.
    weight_decay: of all weights.
    float: the training of float students and of the teacher.
    weights: what Algorithm 1 quantizes to, by bits.
    weights_training: its training.
    from_float: whether it starts from the distilled float student, not from new weights.
    points: what Algorithm 2 quantizes to, by bits.
    points_training: its trainings, by bits.
    allocate: whether points are redistributed among the tensors by their gradients.
    itself: whether the teacher of Algorithm 2 is the float student itself.
    cache: whether the teacher's answers are kept on disk, for all runs that see the same.
    reestimate: whether BatchNormalization statistics are measured anew at the end.
    """

    name: str
    budget: float
    batch: int
    shift: int
    temperature: float
    student_loss_weight: float
    weight_decay: float
    float: Training
    weights: Callable[[int], Selection]
    weights_training: Training
    from_float: bool
    points: Callable[[int], Selection]
    points_training: Mapping[int, Training]
    allocate: bool
    itself: bool
    cache: bool
    reestimate: bool

    def trainer(self, data: Data, seed: int) -> Trainer:
        """What makes the recipe's trainings on the data."""
        soft_loss = LogitsDistillation(self.temperature)
        return Trainer(data, seed, soft_loss, self.student_loss_weight, self.reestimate)


def paper(budget: float) -> Recipe:
    """The small CIFAR-10 students' of the paper and its code.

    What differs, on purpose: the error that the learning rate follows is that of held-out
    training images, where the code looked at the test images; there is one run of 200 epochs,
    where the code began a second one from the quantized result of the first; and the soft
    loss is summed over the classes, where the code's was averaged over them too.

    Args:
        budget: the share of the paper's epochs to make.
    """
    whole = Training(_epochs(200, budget), 1e-3, Plateau().scaled(budget))
    return Recipe(
        name="paper",
        budget=budget,
        batch=25,
        shift=4,
        temperature=2.0,
        student_loss_weight=0.3,
        weight_decay=2.2e-4,
        float=whole,
        weights=tfqd.presets.paper,
        weights_training=whole,
        from_float=False,
        points=lambda bits: tfqd.presets.paper(bits, codebook=True),
        points_training={
            bits: Training(_epochs(epochs, budget), 1e-6)
            for bits, epochs in {2: 20, 4: 10, 8: 10}.items()
        },
        allocate=True,
        itself=True,
        cache=True,
        reestimate=False,
    )


def with_float_ends(recipe: Recipe) -> Recipe:
    """The paper's for its larger networks, whose first kernel and last bias stay float."""
    ends = {"^first/kernel$": None, "^last/bias$": None}
    return dataclasses.replace(
        recipe,
        weights=lambda bits: {**ends, **tfqd.presets.paper(bits)},
        points=lambda bits: {**ends, **tfqd.presets.paper(bits, codebook=True)},
    )


def modern(budget: float) -> Recipe:
    """What one would do today: trained steps, from the float student, with falling rates.

    Kernels are quantized, and biases and normalization stay float: they are few.

    Args:
        budget: the share of 200 float epochs, and 100 quantized ones, to make.
    """
    epochs, quantized = _epochs(200, budget), _epochs(100, budget)
    trained_on = Training(quantized, 1e-3, Cosine(quantized), adam=True)
    return Recipe(
        name="modern",
        budget=budget,
        batch=128,
        shift=4,
        temperature=2.0,
        student_loss_weight=0.3,
        weight_decay=5e-4,
        float=Training(epochs, 0.05, Cosine(epochs)),
        weights=lambda bits: tfqd.LearnedStep(bits=bits, layout="channel"),
        weights_training=trained_on,
        from_float=True,
        points=lambda bits: tfqd.Codebook(
            bits=bits,
            bucket_size=None,
            scaling="symmetric",
            scale="learned",
            init="kmeans",
            gradient_scale="lsq",
        ),
        points_training=dict.fromkeys((2, 4, 8), trained_on),
        allocate=False,
        itself=False,
        cache=True,
        reestimate=True,
    )


RECIPES = {"paper": paper, "modern": modern}


def _epochs(whole: int, budget: float) -> int:
    return max(1, round(whole * budget))
