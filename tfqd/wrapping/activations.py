"""Layers that round activations, in any Keras version, and what a model of them must be."""

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfqd.quantizers import ActivationQuantizer
from tfqd.spec import WIDE_BITS, Activations, Spec
from tfqd.wrapping import calls
from tfqd.wrapping.layers import all_layers


class RoundsActivations:
    """Mixin: a Keras layer that rounds what flows through it to a range of integers.

    Args:
        spec: bits, and where the ends come from; a `tfqd.Activations`, or its fields.
        positive: whether a ReLU comes before.
        fixed: None, or the ends that a kernel knows no others than.
        layers: the names of the layers whose answers have the range.
        reason: why it is there.
        active: whether it rounds; else what comes goes through, as in a copy of a model that is
            to compute in floats.
        bits: those in force, of a layer that a schedule trains with more than its own (`set_bits`);
            None for its own.

    Attributes:
        quantizer: has the range's own bits and its kind.
        state: the quantizer's variables by role.
        covered: `layers`.
        reason, active: the arguments.
    """

    name: str
    mean_of_replicas: Any  # what `add_weight` takes for it

    def __init__(
        self,
        spec: Activations | Mapping[str, Any],
        positive: bool = False,
        fixed: Sequence[float] | None = None,
        layers: Sequence[str] = (),
        reason: str = "",
        active: bool = True,
        bits: int | None = None,
        **kwargs: Any,
    ):
        options = {"autocast": False, "dtype": "float32", **kwargs}
        super().__init__(**options)  # the layer's
        spec = spec if isinstance(spec, Activations) else Activations(**spec)
        ends = None if fixed is None else (fixed[0], fixed[1])
        self.quantizer = ActivationQuantizer(spec, positive, ends)
        self.covered, self.reason = tuple(layers), reason
        self.set_bits(bits or self.quantizer.bits)
        self.active = active
        self.state = self.quantizer.build(self, self.mean_of_replicas)
        self.supports_masking = True
        self.built = True

    def rounded(self, inputs: tf.Tensor, training: Any, inside: bool) -> tf.Tensor:
        """The inputs on the grid, in their dtype.

        Args:
            inputs: of floats.
            training: whether this is a training step.
            inside: whether they lie between the ends of the range by themselves.
        """
        result = self._in_force(tf.cast(inputs, tf.float32), training, self.state, inside)
        return tf.cast(result, inputs.dtype)

    def in_floats(self, inputs: tf.Tensor, training: Any = None, inside: bool = False) -> tf.Tensor:
        """The inputs as they are, but for what a file takes away by operators of floats."""
        if not self.active:
            return inputs
        result = self._in_force.in_floats(tf.cast(inputs, tf.float32), self.state, inside)
        return tf.cast(result, inputs.dtype)

    def get_config(self) -> dict[str, Any]:
        """The arguments, and the layer's own."""
        told = {"layers": list(self.covered), "reason": self.reason, "active": self.active}
        bits = None if self._in_force is self.quantizer else self._in_force.bits
        own = super().get_config()  # type: ignore[misc]  # the layer's
        return {**own, **self.quantizer.get_config(), **told, "bits": bits}

    @property
    def bits(self) -> int | None:
        """Bits in force; None while what comes goes through."""
        return self._in_force.bits if self.active else None

    def set_bits(self, bits: int | None) -> None:
        """Puts `bits`, but no fewer than the range's own, in force; None for floats.

        The ends of the range stay. Graphs that were traced before do not change.
        """
        self.active = bits is not None
        self._in_force = self.quantizer.with_bits(bits or 0)

    @property
    def is_calibrated(self) -> bool:
        """Whether the range has its ends."""
        raise NotImplementedError

    @property
    def ends(self) -> tuple[float, float] | None:
        """The ends of the range; None before it is calibrated."""
        if not self.is_calibrated:
            return None
        low, high = self.quantizer.ends(self.state)
        return float(low) + 0.0, float(high)  # no -0.0

    def start_with(self, values: np.ndarray) -> None:
        """Puts the ends where the spec wants them for activations such as these: float32 [n]."""
        for role, value in self.quantizer.calibrated(*self.quantizer.start(values)).items():
            self.state[role].assign(value)

    def check_calibrated(self) -> None:
        """Raises ValueError where the range has no ends yet."""
        if not self.is_calibrated:
            raise ValueError(
                f"the range of activations {self.name!r} is not known yet; call "
                "tfqd.calibrate(model, data) with some hundred inputs before the model is used"
            )


def quantized_activations(model: Any) -> list[RoundsActivations]:
    """The layers of a model that round activations, in its order."""
    return [layer for layer in all_layers(model) if isinstance(layer, RoundsActivations)]


def wide_activations(model: Any) -> list[RoundsActivations]:
    """The layers of a model that round activations to 16 bits."""
    return [layer for layer in quantized_activations(model) if layer.quantizer.bits == WIDE_BITS]


@contextlib.contextmanager
def in_bytes(model: Any) -> Iterator[None]:
    """Inside, layers that round to 16 bits show 8 of them; see `ActivationQuantizer.in_bytes`."""
    with contextlib.ExitStack() as replacing:
        for layer in wide_activations(model):
            replacing.enter_context(calls.replaced(layer, _in_bytes(layer)))
        yield


@contextlib.contextmanager
def in_floats(model: Any) -> Iterator[None]:
    """Inside, layers that round do not; see `ActivationQuantizer.in_floats`."""
    with contextlib.ExitStack() as replacing:
        for layer in quantized_activations(model):
            replacing.enter_context(calls.replaced(layer, layer.in_floats))
        yield


def _in_bytes(layer: RoundsActivations):
    def call(inputs, training=None, inside=False):
        return layer.quantizer.in_bytes(inputs, layer.state) if layer.active else inputs

    return call


def check_ranges(model: Any) -> None:
    """Raises ValueError for a model whose activations are rounded to ranges that nothing has set.

    Of tfmot's quantizers, that of an input says so: it starts as a range of nothing but 0.
    """
    for layer in quantized_activations(model):
        layer.check_calibrated()
    for layer in all_layers(model):
        if not rounds_inputs_by_tfmot(layer):
            continue
        ends = [weight for weight in layer.weights if re.search(r"_(min|max)\b", weight.name)]
        if ends and not np.any(ends):
            raise ValueError(
                f"the ranges of model {model.name!r} were never trained: that of its input, at "
                f"{layer.name!r}, is 0 to 0; fit the model on some batches first"
            )


def rounds_inputs_by_tfmot(layer: Any) -> bool:
    """Whether it is the layer by which tfmot's scheme rounds an input of a model."""
    return any(kind.__name__ == "QuantizeLayer" for kind in type(layer).__mro__)


def check_kernel_specs(specs: Mapping[str, Spec | None]) -> None:
    """Raises ValueError for kernels that operators of integer activations do not take.

    Args:
        specs: of each kernel of a model, by its path; None for one that stays float.
    """
    for path, spec in specs.items():
        if spec is None or not spec.fits_integer_kernels:
            found = "stays float" if spec is None else f"is quantized by {spec}"
            raise ValueError(
                f"{path} {found}, which kernels of integer activations do not take: with "
                "activations=, quantize all kernels with one scale a channel, by "
                "tfqd.presets.deployable(bits) or tfqd.LearnedStep(bits=bits, layout='channel')"
            )


def checked_activations(activations: Any) -> Activations | None:
    """`activations` as a spec, or None.

    Raises:
        TypeError: when it is neither.
    """
    if activations is None or isinstance(activations, Activations):
        return activations
    raise TypeError(
        "activations must be None, a tfqd.Activations or, of tf_keras models, 'tfmot'; got "
        f"{activations!r}"
    )
