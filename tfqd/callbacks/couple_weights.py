"""Weights that pull together while they train, until few values are left of them.

After each step a weight moves by the learning rate times the strength, times how many
more of the tensor's weights lie within reach on one side of it than on the other; see
`tfqd.ops.coupling`. The data decide how many clusters a tensor forms, and so how many
points its codebook has.
"""

import dataclasses
import warnings
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfqd import ops
from tfqd.callbacks.callback import Callback
from tfqd.callbacks.coupled_codebooks import codebooks_of
from tfqd.spec import Codebook, Uniform
from tfqd.spec.checks import checked_positive, is_number
from tfqd.spec.codebook import MOST_POINTS
from tfqd.spec.selection import Selection
from tfqd.wrapping.fitting import learning_rate, steps_per_execution, student_or_self
from tfqd.wrapping.quantized import find_quantized
from tfqd.wrapping.version import version_of

# A tensor with more of its weights in one cluster has lost what it was, or not parted yet.
_CROWD = 0.95


@dataclasses.dataclass(frozen=True)
class _Coupled:
    """A variable whose weights attract one another.

    path: of the variable.
    deviation: the standard deviation of its weights at the start.
    zeros: the share of its weights that were 0 at the start, as after pruning.
    """

    variable: Any
    path: str
    deviation: float
    zeros: float

    @property
    def values(self) -> np.ndarray:
        """The weights as they are now: float32."""
        return _values(self.variable)


class _Crowd(NamedTuple):
    """A cluster outside of which a tensor has hardly any weights.

    share: of the tensor's weights.
    gathered: whether its weights lie near one value, and not merely without gaps.
    """

    share: float
    gathered: bool


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
            couple, also where they are frozen; None for what a lone spec quantizes of those
            that train, as kernels and embeddings; see `tfqd.quantize_model`.

    Raises:
        ValueError: when an argument is not positive; in `fit`, for a model that is not
            built, is quantized already or has no kernels that train, weights that are NaN,
            infinite or all the same, and ``steps_per_execution`` above 1.

    Example:

    >>> import tensorflow as tf
    >>> coupling = tfqd.callbacks.CoupleWeights(strength=20, reach=0.5)
    >>> model.compile("sgd", "mse")
    >>> data = tf.ones((32, 8)), tf.ones((32, 4))
    >>> _ = model.fit(*data, epochs=50, callbacks=[coupling], verbose=0)
    >>> selection = coupling.settle()
    >>> quantized = tfqd.quantize_model(model, selection)
    """

    def __init__(self, strength: float, reach: float, *, select: str | None = None):
        super().__init__()
        self.strength = checked_positive("strength", strength)
        self.reach = checked_positive("reach", reach)
        self._only_trained = select is None
        self._selection: Selection = (
            Uniform(bits=8) if select is None else {select: Uniform(bits=8)}
        )
        self._coupled: list[_Coupled] = []
        self._moving: list[_Coupled] = []
        self._coupled_model: Any = None

    def on_train_begin(self, logs=None):
        model = student_or_self(self.model)
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
        # A second fit goes on in the units of the first.
        known = self._coupled if self._coupled_model is model else []
        by_id = {id(each.variable): each for each in known}
        self._moving = [
            by_id.get(id(variable)) or _coupled(variable, path)
            for variable, path in self._chosen(model)
        ]
        self._coupled = [*known, *(each for each in self._moving if id(each.variable) not in by_id)]
        self._coupled_model = model

    def on_train_batch_end(self, batch, logs=None):
        pace = learning_rate(self.model) * self.strength
        for each in self._moving:
            _move(each.variable, pace * each.deviation, self.reach * each.deviation)

    def on_train_end(self, logs=None):
        for each in self._moving:
            if (fault := _divergence(each)) is not None:
                warnings.warn(fault, stacklevel=2)
            elif (crowd := self._crowd(each)) is not None and crowd.gathered:
                warnings.warn(self._advice(each, crowd), stacklevel=2)

    def settle(self, least: float = 0.001, **options: Any) -> dict[str, Codebook]:
        """Puts each weight to the nearest center of a cluster, and gives codebooks of the centers.

        Clusters are parted by gaps of half the reach. Warned of is a tensor with over 95 % of
        its weights in one of them, not counting those that were 0 before training.

        Args:
            least: share of a tensor's weights that a cluster must have; smaller ones have
                no center.
            options: further arguments of `tfqd.Codebook`, but for those that the clusters
                decide: `bits`, `points`, `init`, `bucket_size`, `layout` and
                `channels_per_codebook`.

        Returns:
            A selection for `tfqd.quantize_model`: codebooks that hold the centers. Tensors of
            one path, as of models in the model whose layers have equal names, share the
            codebook of the one with most.

        Raises:
            ValueError: before a `fit`, for `least` outside 0 to 1, options that the clusters
                decide or a codebook cannot have, and for a tensor whose weights have
                diverged, have gathered at one value, in no clusters yet or in more than 256;
                the model is as it was then.
            TypeError: for an option that codebooks do not know.
        """
        if not self._coupled:
            raise ValueError("this callback has not been used in a fit yet")
        if not is_number(least, 0, 1) or least == 1:
            raise ValueError(f"least must be a number from 0 to below 1; got {least!r}")
        settled, clusters = [], []
        for each in self._coupled:
            weights, count = self._settled(each, least)
            settled.append((each.variable, tf.cast(weights, each.variable.dtype)))
            clusters.append((each.path, count))
        selection = codebooks_of(clusters, options)
        for variable, weights in settled:
            variable.assign(weights)
        return selection

    def _chosen(self, model) -> list[tuple[Any, str]]:
        """The variables that are to be coupled, and their paths."""
        chosen = version_of(model).building.choose_variables(model, self._selection)
        trained = {id(variable) for variable in model.trainable_variables}
        found = [
            (variable, path)
            for variable, path, _ in chosen
            if id(variable) in trained or not self._only_trained
        ]
        if not found:
            raise ValueError(
                f"no kernel of model {model.name!r} trains; name those to couple in select"
            )
        return found

    def _settled(self, each: _Coupled, least: float) -> tuple[np.ndarray, int]:
        """The weights at the centers of clusters, and how many these are."""
        if (fault := _divergence(each)) is not None:
            raise ValueError(fault)
        weights, centers = ops.gathered(each.values, self._gap(each), least)
        crowd = self._crowd(each)
        if len(centers) == 1:
            raise ValueError(
                f"all clusters but one of the weights of {each.path} have less than {least:g} of "
                "them; give a smaller least"
                if crowd is None
                else self._advice(each, crowd)
            )
        if len(centers) > MOST_POINTS:
            raise ValueError(
                f"the weights of {each.path} lie in {len(centers)} clusters, more than the "
                f"{MOST_POINTS} points of a codebook; train longer, or with more strength or "
                f"reach than {self._settings}"
            )
        if crowd is not None:
            warnings.warn(self._advice(each, crowd), stacklevel=3)
        return weights, len(centers)

    def _crowd(self, each: _Coupled) -> _Crowd | None:
        """The cluster that has nearly all weights, were they not 0 before; None without one."""
        cluster = ops.largest_cluster(each.values, self._gap(each))
        share = cluster.size / each.values.size
        if share - each.zeros <= _CROWD * (1 - each.zeros):
            return None
        return _Crowd(share, float(np.std(cluster)) <= each.deviation / 2)

    def _advice(self, each: _Coupled, crowd: _Crowd) -> str:
        whose = f"{100 * crowd.share:.4g} % of the weights of {each.path}"
        if crowd.gathered:
            return (
                f"{whose} have gathered at one value; train with less strength or reach than "
                f"{self._settings}, or leave it out of select"
            )
        return (
            f"{whose} have not parted into clusters yet; train longer, or with more strength or "
            f"less reach than {self._settings}"
        )

    def _gap(self, each: _Coupled) -> float:
        """What parts two clusters of a tensor, in its weights' unit."""
        return self.reach * each.deviation / 2

    @property
    def _settings(self) -> str:
        return f"{self.strength:g} and {self.reach:g}"


def _values(variable) -> np.ndarray:
    return np.asarray(tf.convert_to_tensor(variable), np.float32)


def _coupled(variable, path: str) -> _Coupled:
    weights = _values(variable)
    deviation = float(np.std(weights))
    if not deviation:
        raise ValueError(f"the weights of {path} are all the same; leave it out of select")
    return _Coupled(variable, path, deviation, zeros=float(np.mean(weights == 0)))


def _divergence(each: _Coupled) -> str | None:
    """What there is to say of weights that are numbers no more."""
    lost = int(np.sum(~np.isfinite(each.values)))
    if not lost:
        return None
    return (
        f"{lost} of the {each.values.size} weights of {each.path} are NaN or infinite: training "
        "has diverged; train anew, with a lower learning rate or less strength"
    )


@tf.function(reduce_retracing=True)
def _step(weights: tf.Tensor, pace: tf.Tensor, reach: tf.Tensor) -> tf.Tensor:
    return pace * ops.attraction(weights, reach)


def _move(variable, pace: float, reach: float) -> None:
    weights = tf.cast(tf.convert_to_tensor(variable), tf.float32)
    step = _step(weights, tf.constant(pace), tf.constant(reach))
    variable.assign(tf.cast(weights - step, variable.dtype))
