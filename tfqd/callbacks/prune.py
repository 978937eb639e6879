"""Pruning by magnitude, in the same training as quantization.

The share of weights at zero grows as Zhu and Gupta 2017 (arXiv 1710.01878, Eq. 1) have it,

    s(t) = s - s (1 - t / end)^3    for t <= end,    s after it,

with t the share of the training that is done. Zero is a level of every quantizer that is
taken here, so that a weight at zero is at zero in every file, where entropy coding makes
little of it.
"""

import math
import warnings

import numpy as np

from tfqd import ops
from tfqd.callbacks.annealing import epochs_of
from tfqd.callbacks.callback import Callback
from tfqd.callbacks.pruned_variable import PrunedVariable
from tfqd.spec import Codebook, Spec
from tfqd.spec.checks import check_choice, checked_count, is_number
from tfqd.wrapping.fitting import (
    averages_weights,
    hold_at_the_end,
    steps_per_execution,
    student_or_self,
)
from tfqd.wrapping.quantized import QuantizedVariable, find_quantized

GRADIENTS = ("frozen", "revive")


class Prune(Callback):
    """Puts the weights of smallest magnitude to zero while a quantized model trains.

    For models of `tfqd.quantize_model` and the student of a `tfqd.Distiller`. Every
    quantized tensor gets the same sparsity, but for those of frozen layers, which stay as
    they are; log ``sparsity`` is the share of zeros in the others.
    A run that is resumed with ``initial_epoch`` goes on with the weights that are zero: what
    is zero when training begins counts as pruned, but for tensors that are wholly zero, as
    biases begin.
    Where data do not say how many steps an epoch has, the first one is pruned when it ends,
    and its steps are counted for those after it.
    What was pruned away is known to `tfqd.unpruned`, which makes a teacher of it. The zeros
    stay when an optimizer with ``use_ema`` puts averages in at the end of training, and when
    `EarlyStopping` puts the weights of an epoch with fewer zeros back, which is warned of.

    Args:
        sparsity: share of each tensor's weights at zero in the end, above 0 and below 1.
        end: the share of the training after which it is reached, above 0, at most 1.
        every: steps between two choices of weights.
        structure: ``"weights"``, any of them; ``"2:4"``, two of four in a row along the
            inputs, for which `sparsity` must be 0.5; ``"channels"``, whole output channels.
        gradient: ``"frozen"``: what is at zero stays there; or ``"revive"``: weights at zero
            learn on out of sight, from the gradient straight through, and come back when
            they have grown. What they have learned is in no file.

    Raises:
        ValueError: for other arguments; in `fit`, when nothing that trains is quantized or a
            spec has levels without 0 or `freeze_above`, a tensor cannot have the structure,
            ``gradient="revive"`` meets ``preserve_zeros=True`` or the student of
            `tfqd.unpruned`, which stop gradients, or ``steps_per_execution`` is above 1.

    Example:

    >>> import tensorflow as tf
    >>> sparse = tfqd.quantize_model(model, tfqd.LearnedStep(bits=4))
    >>> sparse.compile("sgd", "mse")
    >>> data = tf.ones((32, 8)), tf.ones((32, 4))
    >>> prune = tfqd.callbacks.Prune(0.75, every=1)
    >>> _ = sparse.fit(*data, epochs=4, callbacks=[prune], verbose=0)
    >>> sparse.history.history["sparsity"][-1]
    0.75
    """

    def __init__(
        self,
        sparsity: float,
        *,
        end: float = 0.75,
        every: int = 16,
        structure: str = "weights",
        gradient: str = "frozen",
    ):
        super().__init__()
        if not is_number(sparsity, 0, 1) or sparsity in (0, 1):
            raise ValueError(f"sparsity must be a number above 0 and below 1; got {sparsity!r}")
        if not is_number(end, 0, 1) or end == 0:
            raise ValueError(f"end must be a number above 0 and at most 1; got {end!r}")
        check_choice("structure", structure, ops.STRUCTURES)
        check_choice("gradient", gradient, GRADIENTS)
        if structure == "2:4" and sparsity != 0.5:
            raise ValueError(f"structure='2:4' needs sparsity=0.5; got {sparsity!r}")
        self.sparsity, self.end = float(sparsity), float(end)
        self.every = checked_count("every", every)
        self.structure, self.gradient = structure, gradient
        self._pruned: list[PrunedVariable] = []
        self._epoch = 0
        self._steps: int | None = None
        self._counted = 0

    def on_train_begin(self, logs=None):
        steps = steps_per_execution(self.model)
        if steps != 1:
            raise ValueError(
                f"Prune puts weights to zero after each step, so steps_per_execution must be 1; "
                f"got {steps!r}"
            )
        model = student_or_self(self.model)
        entries = find_quantized(model)
        if not entries:
            raise ValueError(
                f"model {model.name!r} has no quantized variables to prune; give it to "
                "tfqd.quantize_model"
            )
        entries = _trained(entries, model)
        if not entries:
            raise ValueError(
                f"all quantized weights of model {model.name!r} are frozen, and Prune leaves such "
                "as they are; set trainable of a layer to True"
            )
        for entry in entries:
            self._check(entry)
        self._pruned = [PrunedVariable(entry, self.gradient == "revive") for entry in entries]
        self._steps = self.params.get("steps")

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch
        if self._steps is None and epoch == 0 and self.end * epochs_of(self) <= 1:
            warnings.warn(
                "the data do not say how many steps an epoch has, and the whole sparsity is to be "
                "reached in the first: Prune puts the weights to zero at once when that ends; give "
                "fit steps_per_epoch, or more epochs",
                stacklevel=2,
            )

    def on_train_batch_end(self, batch, logs=None):
        self._counted = batch + 1
        if batch % self.every == 0:
            # Of an epoch of unknown length nothing is done until it ends.
            share = min(self._counted / self._steps, 1.0) if self._steps else 0.0
            sparsity = self._sparsity(self._epoch + share)
            for each in self._pruned:
                each.choose(sparsity, self.structure)
        for each in self._pruned:
            each.put_to_zero()

    def on_epoch_end(self, epoch, logs=None):
        # At the last step of an epoch none may have been chosen for long.
        self._steps = self._steps or self._counted
        sparsity = self._sparsity(epoch + 1)
        for each in self._pruned:
            each.choose(sparsity, self.structure)
            each.put_to_zero()
        if logs is not None:
            zeros = sum(each.zeros for each in self._pruned)
            logs["sparsity"] = zeros / sum(each.entry.size for each in self._pruned)

    def on_train_end(self, logs=None):
        if averages_weights(self.model):
            for each in self._pruned:
                each.prune_what_was_put_in()
        # Floats, before QuantizeWeights takes them.
        hold_at_the_end(self.model, self._prune_what_was_put_in, first=True)

    def _prune_what_was_put_in(self) -> None:
        back = sum(each.prune_what_was_put_in() for each in self._pruned)
        if back:
            first = math.ceil(self.end * epochs_of(self)) - 1
            warnings.warn(
                f"the weights that were put back at the end of training had {back:,} more that "
                "are not 0 than Prune left; it has put to zero what it had chosen, after which "
                "nothing was trained. EarlyStopping(restore_best_weights=True) takes only epochs "
                f"with the whole sparsity if it has start_from_epoch={first}",
                stacklevel=2,
            )

    def _sparsity(self, done: float) -> float:
        """What there is to be after so many epochs."""
        left = max(0.0, 1 - done / epochs_of(self) / self.end)
        return self.sparsity * (1 - left**3)

    def _check(self, entry: QuantizedVariable) -> None:
        spec = entry.quantizer.spec
        if not _has_zero(spec):
            raise ValueError(
                f"pruning needs 0 among the levels of {entry.path}: a symmetric grid, or "
                f"preserve_zeros=True; got {spec}"
            )
        if spec.freeze_above is not None:
            raise ValueError(
                f"a weight that freeze_above has frozen keeps its code, and pruning is to put it "
                f"to zero; {entry.path} has {spec}"
            )
        if self.gradient == "revive" and spec.preserve_zeros:
            raise ValueError(
                f"gradient='revive' needs gradients at zeros, which preserve_zeros=True stops; "
                f"{entry.path} has {spec}"
            )
        if self.gradient == "revive" and entry.holds_zeros:
            raise ValueError(
                "gradient='revive' needs gradients at zeros, which tfqd.unpruned has stopped in "
                f"its student; prune {entry.path} with gradient='frozen', or before"
            )
        try:
            ops.kept_weights(
                np.zeros(entry.variable.shape), 0.0, self.structure, entry.quantizer.channel_axes
            )
        except ValueError as error:
            raise ValueError(f"{entry.path}: {error}") from error


def _trained(entries: list[QuantizedVariable], model) -> list[QuantizedVariable]:
    """Those of which anything trains: the weights, or their points or steps alone."""
    trained = {id(variable) for variable in model.trainable_variables}
    return [
        entry
        for entry in entries
        if any(id(variable) in trained for variable in (entry.variable, *entry.state.values()))
    ]


def _has_zero(spec: Spec) -> bool:
    """Whether a weight of 0 is quantized to 0."""
    on_grid = spec.scaling == "symmetric" and spec.has_zero and not isinstance(spec, Codebook)
    return spec.preserve_zeros or on_grid
