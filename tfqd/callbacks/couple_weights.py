"""Weights that pull together while they train, until few values are left of them.

After each step a weight moves by the learning rate times the strength, times how many
more of the tensor's weights lie within reach on one side of it than on the other; see
`tfqd.ops.coupling`. The data decide how many clusters a tensor forms, and so how many
points its codebook has.
"""

import dataclasses
import re
import warnings
from typing import Any

import numpy as np
import tensorflow as tf

from tfqd import ops
from tfqd.callbacks.callback import Callback
from tfqd.spec import Codebook, Uniform
from tfqd.spec.checks import checked_positive, is_number
from tfqd.spec.codebook import MOST_POINTS
from tfqd.spec.selection import Selection
from tfqd.wrapping.fitting import handed_over, learning_rate, steps_per_execution
from tfqd.wrapping.quantized import find_quantized
from tfqd.wrapping.version import version_of


@dataclasses.dataclass(frozen=True)
class _Coupled:
    """A variable whose weights attract one another.

    path: of the variable.
    deviation: the standard deviation of its weights at the start.
    """

    variable: Any
    path: str
    deviation: float


class CoupleWeights(Callback):
    """Trains a plain model such that its weights gather in clusters, and reads these off.

    Fit a trained model on with it, as with any callback, the learning rate falling to 0, so
    that clusters come to rest. Then `settle` puts each weight to the nearest center of a
    cluster and gives the codebooks that hold the centers::

        coupling = tfqd.callbacks.CoupleWeights(strength=20, reach=0.1)
        model.fit(x, y, epochs=10, callbacks=[coupling])
        quantized = tfqd.quantize_model(model, coupling.settle())

    In the manner of soft quantization (arXiv 2601.21219); the potential, the units and how
    clusters are read are tfqd's choices.

    Args:
        strength: how fast weights move. A step moves one that has a share p of the
            tensor's weights on one side within reach, and none on the other, by
            learning rate x strength x deviation x p.
        reach: how far weights attract one another, in standard deviations of the tensor's
            weights at the start. Fewer clusters form where it is greater.
        select: a regular expression, searched for in the paths of variables, for those to
            couple; None for all kernels, recurrent kernels and embeddings.

    Raises:
        ValueError: when an argument is not positive; in `fit`, for a model that is not
            built or quantized already, weights that are NaN, infinite or all the same, and
            ``steps_per_execution`` above 1.

    Example:

    >>> import tensorflow as tf
    >>> coupling = tfqd.callbacks.CoupleWeights(strength=20, reach=0.5)
    >>> model.compile("sgd", "mse")
    >>> data = tf.ones((32, 8)), tf.ones((32, 4))
    >>> _ = model.fit(*data, epochs=50, callbacks=[coupling], verbose=0)
    >>> selection = coupling.settle()
    >>> quantized = tfqd.quantize_model(model, selection)
    """

    def __init__(self, strength: float, reach: float, select: str | None = None):
        super().__init__()
        self.strength = checked_positive("strength", strength)
        self.reach = checked_positive("reach", reach)
        self._selection: Selection = (
            Uniform(bits=8) if select is None else {select: Uniform(bits=8)}
        )
        self._coupled: list[_Coupled] = []
        self._coupled_model: Any = None

    def on_train_begin(self, logs=None):
        model = handed_over(self.model)
        steps = steps_per_execution(self.model)
        if steps != 1:
            raise ValueError(
                f"CoupleWeights moves weights after each step, so steps_per_execution must be 1; "
                f"got {steps!r}"
            )
        if not model.built:
            raise ValueError(
                f"model {model.name!r} is not built; call it on data or model.build(input_shape) "
                "first"
            )
        if find_quantized(model):
            raise ValueError(
                f"model {model.name!r} is quantized already; couple the weights of the float model"
            )
        if self._coupled_model is model:
            return  # A second fit goes on in the units of the first.
        chosen = version_of(model).building.choose_variables(model, self._selection)
        self._coupled = [
            _Coupled(variable, path, _deviation(variable, path)) for variable, path, _ in chosen
        ]
        self._coupled_model = model

    def on_train_batch_end(self, batch, logs=None):
        pace = learning_rate(self.model) * self.strength
        for each in self._coupled:
            _move(each.variable, pace * each.deviation, self.reach * each.deviation)

    def on_train_end(self, logs=None):
        for each in self._coupled:
            _, centers = self._gathered(each, least=0.0)
            if len(centers) == 1 and self._is_one_value(each):
                warnings.warn(
                    f"the weights of {each.path} have gathered at one value: strength "
                    f"{self.strength:g} or reach {self.reach:g} is too great for it",
                    stacklevel=2,
                )

    def settle(self, least: float = 0.001, **options: Any) -> dict[str, Codebook]:
        """Puts each weight to the nearest center of a cluster, and gives codebooks of the centers.

        Clusters are parted by gaps of half the reach.

        Args:
            least: share of a tensor's weights that a cluster must have; smaller ones have
                no center.
            options: further arguments of `tfqd.Codebook`.

        Returns:
            A selection for `tfqd.quantize_model`: codebooks that hold the centers.

        Raises:
            ValueError: before a `fit`, for `least` outside 0 to 1, and for a tensor whose
                weights have gathered at one value, in no clusters yet or in more than 256;
                the model is as it was then.
        """
        if not self._coupled:
            raise ValueError("this callback has not been used in a fit yet")
        if not is_number(least, 0, 1) or least == 1:
            raise ValueError(f"least must be a number from 0 to below 1; got {least!r}")
        found = [self._gathered(each, least) for each in self._coupled]
        for each, (_, centers) in zip(self._coupled, found, strict=True):
            self._check_count(each, len(centers))
        selection = {}
        for each, (weights, centers) in zip(self._coupled, found, strict=True):
            each.variable.assign(tf.cast(weights, each.variable.dtype))
            selection[f"^{re.escape(each.path)}$"] = _codebook(len(centers), options)
        return selection

    def _gathered(self, each: _Coupled, least: float) -> tuple[np.ndarray, np.ndarray]:
        return ops.gathered(_values(each.variable), self.reach * each.deviation / 2, least)

    def _is_one_value(self, each: _Coupled) -> bool:
        """Whether weights in one cluster are near one another, and not merely without gaps."""
        return float(np.std(_values(each.variable))) <= self.reach * each.deviation / 2

    def _check_count(self, each: _Coupled, count: int) -> None:
        settings = f"{self.strength:g} and {self.reach:g}"
        if count == 1 and self._is_one_value(each):
            raise ValueError(
                f"the weights of {each.path} have gathered at one value; train with less strength "
                f"or reach than {settings}, or leave it out of select"
            )
        if count == 1:
            raise ValueError(
                f"the weights of {each.path} have not parted into clusters yet; train longer, or "
                f"with more strength or less reach than {settings}"
            )
        if count > MOST_POINTS:
            raise ValueError(
                f"the weights of {each.path} lie in {count} clusters, more than the {MOST_POINTS} "
                "points of a codebook; train longer, or with more strength or reach than "
                f"{settings}"
            )


def _values(variable) -> np.ndarray:
    return np.asarray(tf.convert_to_tensor(variable), np.float32)


def _deviation(variable, path: str) -> float:
    deviation = float(np.std(_values(variable)))
    if not deviation:
        raise ValueError(f"the weights of {path} are all the same; leave it out of select")
    return deviation


@tf.function(reduce_retracing=True)
def _step(weights: tf.Tensor, pace: tf.Tensor, reach: tf.Tensor) -> tf.Tensor:
    return pace * ops.attraction(weights, reach)


def _move(variable, pace: float, reach: float) -> None:
    weights = tf.cast(tf.convert_to_tensor(variable), tf.float32)
    step = _step(weights, tf.constant(pace), tf.constant(reach))
    variable.assign(tf.cast(weights - step, variable.dtype))


def _codebook(points: int, options: dict[str, Any]) -> Codebook:
    fixed = {"bits": (points - 1).bit_length(), "bucket_size": None, "init": "kmeans"}
    return Codebook(**{**options, **fixed}).with_levels(points)
