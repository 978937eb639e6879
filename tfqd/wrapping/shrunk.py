"""What is left of layers, and of their quantizers, when channels are taken away."""

import dataclasses

import numpy as np

from tfqd.wrapping.quantized import QuantizedVariable


@dataclasses.dataclass(frozen=True)
class LayerChannels:
    """The output channels of a layer.

    name: the layer's.
    before: how many it had.
    after: how many it has now.
    reason: why channels that are constant are among them, or the layer stays as it is; None
        where neither is so.
    """

    name: str
    before: int
    after: int
    reason: str | None = None


class Cut:
    """The places of a tensor that stay: bool masks by axis, counted from the last."""

    def __init__(self, masks: dict[int, np.ndarray]):
        self._masks = masks

    def __call__(self, array: np.ndarray) -> np.ndarray:
        """What stays of an array."""
        for axis, mask in self._masks.items():
            array = np.compress(mask, array, axis=axis)
        return array

    @property
    def outputs(self) -> np.ndarray:
        """The mask of output channels, the last one given."""
        return [*self._masks.values()][-1]


def check_buckets(entry: QuantizedVariable, cut: Cut) -> None:
    """Raises ValueError where what stays would lie in other buckets, or have other codebooks."""
    shape = tuple(entry.variable.shape)
    if cut(np.zeros(shape, bool)).shape == shape:
        return
    bucketing = entry.quantizer.bucketing(shape)
    whole = bucketing.count == 1 or (
        bucketing.layout == "channel" and bucketing.buckets_per_row == 1
    )
    if not whole:
        raise ValueError(
            f"{entry.path} has several scales in a channel, or some for parts of several channels, "
            "and would have others without some channels; quantize it with bucket_size=None. Got "
            f"{entry.quantizer.spec}"
        )
    shared = getattr(entry.quantizer.spec, "channels_per_codebook", None) or 1
    if 1 < shared < bucketing.rows and not cut.outputs.all():
        raise ValueError(
            f"{entry.path} has one codebook for every {shared} channels, and others would share "
            "one without some of them; quantize it with channels_per_codebook=1 or None. Got "
            f"{entry.quantizer.spec}"
        )


def sets_scale(entry: QuantizedVariable) -> np.ndarray:
    """Which weights of a kernel make a scale or offset of other inputs too: bool, its shape."""
    weights = np.asarray(entry.value())
    quantizer = entry.quantizer
    channels = quantizer.bucketing(weights.shape).channel_axes
    if not quantizer.follows_weights or weights.ndim - 2 in channels:
        return np.zeros(weights.shape, bool)
    within = tuple(axis for axis in range(weights.ndim) if axis not in channels)
    if quantizer.spec.scaling == "symmetric":
        weights = np.abs(weights)
        return weights == weights.max(within, keepdims=True)
    ends = weights.max(within, keepdims=True), weights.min(within, keepdims=True)
    return (weights == ends[0]) | (weights == ends[1])


def loses_scale(entry: QuantizedVariable, cut: Cut) -> bool:
    """Whether what makes a scale or offset of a tensor is among what goes."""
    scaling = sets_scale(entry)
    return bool(np.count_nonzero(cut(scaling)) < np.count_nonzero(scaling))


def take_over(old: QuantizedVariable, new: QuantizedVariable, cut: Cut) -> None:
    """Gives a tensor what the quantizer of a larger one had learned, and its values.

    Args:
        old: the larger one.
        new: of the same spec, with the float weights that stay.
        cut: what stays.
    """
    shape = tuple(old.variable.shape)
    for role, variable in new.state.items():
        value = np.asarray(old.state[role])
        if value.shape != tuple(variable.shape):
            value = cut(value) if value.shape == shape else value[cut.outputs]
        variable.assign(value)
    new.set_bits(old.bits)
    # A code may depend on how many weights there are; that of a value on a level does not.
    values = cut(np.asarray(old.quantize(False)))
    apart = np.asarray(new.quantize(False)) != values
    if apart.any():
        new.variable.assign(np.where(apart, values, np.asarray(new.value())))
