"""The contract of every quantizer."""

import abc
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfqd import ops
from tfqd.compressed import QuantizedTensor
from tfqd.quantizers import oscillation
from tfqd.spec import Spec, from_dict
from tfqd.spec.bucketing import Bucketing


def _starts(
    start: Callable[[tf.Tensor | None], dict[str, np.ndarray]],
    value: Callable[[], tf.Tensor | None] | None,
) -> Callable[[], dict[str, np.ndarray]]:
    """What a quantizer's variables start at, computed once when the tensor's value is known.

    Keras asks for it twice where it first infers shapes, when no value is there.

    Args:
        start: of a value, or of None, gives the start of each variable by role.
        value: as `Quantizer.build` takes it.
    """
    found: list[dict[str, np.ndarray]] = []

    def starts() -> dict[str, np.ndarray]:
        if not found:
            known = None if value is None else value()
            if known is None:
                return start(None)
            found.append(start(known))
        return found[0]

    return starts


def assign(values: Mapping[str, np.ndarray], weights: dict[str, Any]) -> None:
    """Gives variables new values, by role."""
    for role, value in values.items():
        weights[role].assign(value)


class Quantizer(abc.ABC):
    """Quantizes one weight tensor; the contract of tfmot's ``Quantizer``.

    Args:
        spec: the spec that this quantizer carries out.
        channel_axes: axes of the tensor that index its output channel, used by
            layout ``channel``.
    """

    def __init__(self, spec: Spec, channel_axes: tuple[int, ...] = (-1,)):
        self.spec = spec
        self.channel_axes = tuple(channel_axes)

    @abc.abstractmethod
    def build(
        self,
        tensor_shape: Sequence[int],
        name: str,
        layer: Any,
        value: Callable[[], tf.Tensor | None] | None = None,
    ) -> dict[str, Any]:
        """Creates the quantizer's variables.

        Args:
            tensor_shape: static shape of the tensor to be quantized.
            name: prefix of the variables' names.
            layer: whatever has Keras' ``add_weight``.
            value: gives the tensor's value when the variables are initialized,
                for those that start from it; gives None while Keras infers shapes.
                tfmot does not pass it; then `initialize` is to be called once the
                weights are there.

        Returns:
            The variables by role, to be handed to the other methods.
        """

    @abc.abstractmethod
    def __call__(self, inputs, training, weights: dict[str, Any], **kwargs) -> tf.Tensor:
        """The quantized tensor, with its training gradients.

        Args:
            inputs: float tensor of the shape given to `build`.
            training: whether this is a training step (bool, tensor or None).
            weights: what `build` returned.
        """

    @abc.abstractmethod
    def stored(
        self, inputs: tf.Tensor, weights: dict[str, Any], frozen: tf.Tensor | None = None
    ) -> ops.Codes:
        """What is to be stored: it decodes to what `__call__` gives in inference, bit for bit.

        Args:
            inputs: the tensor's values.
            weights: what `build` returned.
            frozen: codes that are given; see `tfqd.ops.frozen`.
        """

    def encode(self, inputs: tf.Tensor, weights: dict[str, Any]) -> QuantizedTensor:
        """The tensor as it is stored (eagerly); it decodes to `__call__`'s in inference.

        Raises:
            ValueError: when scales, offsets or points are NaN or infinite.
        """
        stored = self.stored(inputs, weights, self._frozen(weights))
        return QuantizedTensor(
            codes=np.asarray(stored.codes),
            bits=self.spec.bits,
            levels=self.spec.levels,
            bucketing=self.bucketing(inputs.shape),
            scale=np.asarray(stored.scale),
            offset=None if stored.offset is None else np.asarray(stored.offset),
            points=None if stored.points is None else np.asarray(stored.points),
            channels_per_codebook=stored.channels_per_codebook,
            spec=self.spec.to_dict(),
        )

    def codes(self, inputs: tf.Tensor, weights: dict[str, Any]) -> np.ndarray:
        """The codes alone, of weights that may be NaN too: uint8, the tensor's shape."""
        return np.asarray(self.stored(inputs, weights, self._frozen(weights)).codes)

    def initialize(
        self, inputs: tf.Tensor, weights: dict[str, Any], sensitivity: tf.Tensor | None = None
    ) -> None:
        """Sets the variables that depend on the tensor's values, if any.

        Args:
            inputs: the tensor's values.
            weights: what `build` returned.
            sensitivity: None, or what a squared error of each weight costs, not
                negative, for quantizers that can place their levels by it.
        """
        if self.spec.freeze_above is not None:
            oscillation.reset(weights)

    @property
    def follows_weights(self) -> bool:
        """Whether scales and offsets are those of the weights' own ranges."""
        return True

    @property
    def trains_weights(self) -> bool:
        """Whether the weights are to move in training; else they are to be frozen."""
        return True

    def is_inside(self, inputs: tf.Tensor, weights: dict[str, Any]) -> tf.Tensor:
        """Which of the tensor's values are not clipped: bool, the tensor's shape.

        Args:
            inputs: the tensor's values.
            weights: what `build` returned.
        """
        if self.spec.clip is None:
            return tf.ones_like(inputs, tf.bool)
        return tf.abs(inputs) <= self.spec.clip

    def restore(self, stored: QuantizedTensor, weights: dict[str, Any]) -> None:  # noqa: B027
        """Sets the variables such that `encode` gives `stored`'s scales, offsets and points.

        Where scales and offsets follow the weights, these have to be right too.
        """

    def _created(
        self,
        roles: Mapping[str, tuple[tuple[int, ...], bool]],
        start: Callable[[tf.Tensor | None], dict[str, np.ndarray]],
        value: Callable[[], tf.Tensor | None] | None,
        name: str,
        layer: Any,
    ) -> dict[str, Any]:
        """Creates the float32 variables that start from the tensor's value, for `build`.

        Args:
            roles: the shape of each, and whether it is trained.
            start: of a value, or of None, gives what each holds at first.
            value, name, layer: as `build` takes them.
        """
        starts = _starts(start, value)

        def variable(role: str, shape: tuple[int, ...], trainable: bool):
            return layer.add_weight(
                name=f"{name}_{role}",
                shape=shape,
                dtype="float32",
                initializer=lambda shape, dtype=None, **_: tf.constant(starts()[role]),
                trainable=trainable,
            )

        return {role: variable(role, *roles[role]) for role in roles}

    def _observed(self, tensor_shape, name: str, layer) -> dict[str, Any]:
        """The variables that `freeze_above` needs, for `build`."""
        if self.spec.freeze_above is None:
            return {}
        return oscillation.build(tensor_shape, name, layer, self.spec.freeze_above)

    def _frozen(self, weights: dict[str, Any]) -> tf.Tensor | None:
        """The codes of frozen weights, for the ops."""
        if self.spec.freeze_above is None:
            return None
        return tf.convert_to_tensor(weights["held_code"])

    def _frozen_after(self, inputs, training, weights: dict[str, Any]) -> tf.Tensor | None:
        """The same, when a training step has been observed if this is one."""
        if self.spec.freeze_above is not None and training is not None and training is not False:
            inputs = tf.stop_gradient(inputs)

            def observe():
                oscillation.observe(self._codes(inputs, weights), weights)

            if training is True:
                observe()
            else:
                tf.cond(tf.cast(training, tf.bool), observe, lambda: None)
        return self._frozen(weights)

    def _codes(self, inputs, weights: dict[str, Any]) -> tf.Tensor:
        """The codes of a training step, were none frozen."""
        return self.stored(inputs, weights).codes

    def _taken(self, inputs: tf.Tensor) -> tf.Tensor:
        """The tensor as it is quantized in training, whose gradient is the tensor's."""
        return ops.hold_zeros(inputs) if self.spec.preserve_zeros else inputs

    def bucketing(self, shape: Sequence[int]) -> Bucketing:
        """The buckets of a tensor of this shape."""
        return self.spec.bucketing(shape, self.channel_axes)

    def get_config(self) -> dict[str, Any]:
        """The spec and the axes, as plain JSON values; `from_config` reads them."""
        return {"spec": self.spec.to_dict(), "channel_axes": list(self.channel_axes)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Quantizer":
        """The quantizer of which `get_config` told."""
        return cls(from_dict(config["spec"]), tuple(config["channel_axes"]))

    def __eq__(self, other) -> bool:
        return type(other) is type(self) and other.get_config() == self.get_config()

    def __hash__(self) -> int:
        return hash((type(self), self.spec, self.channel_axes))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.spec}, channel_axes={self.channel_axes})"
