"""The ways to quantize one tensor: what each takes in a file, and what it costs."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from tfqd.compressed import QuantizedTensor
from tfqd.quantizers import quantizer_for
from tfqd.spec import Spec
from tfqd.spec.bucketing import BucketSize

_STEPS = 6


class Choice(NamedTuple):
    """A spec for a tensor.

    spec: how it is quantized.
    size: bytes of its codes, scales, offsets and points in the file.
    cost: how much the loss is expected to rise.
    """

    spec: Spec
    size: int
    cost: float


class Weights(NamedTuple):
    """A tensor that bits are to be found for.

    value: float32.
    channel_axes: the axes that index its output channel.
    sensitivity: mean squared gradient of each weight.
    """

    value: tf.Tensor
    channel_axes: tuple[int, ...]
    sensitivity: tf.Tensor

    @property
    def size(self) -> int:
        """Number of weights."""
        return self.value.shape.num_elements()


def measure(weights: Weights, spec: Spec, payload: Callable[[QuantizedTensor], int]) -> Choice:
    """Quantizes the weights, without training, and weighs them as a file does.

    The cost is the diagonal second-order one, 1/2 sum of sensitivity times
    squared error.
    """
    quantizer = quantizer_for(spec, weights.channel_axes)
    shape = tuple(weights.value.shape)
    state = quantizer.build(shape, "weights", keras.layers.Layer(), lambda: weights.value)
    tensor = quantizer.encode(weights.value, state)
    error = np.square(tensor.dequantize() - weights.value.numpy(), dtype=np.float64)
    return Choice(spec, payload(tensor), float(0.5 * np.sum(weights.sensitivity.numpy() * error)))


def variants(
    template: Spec,
    weights: Weights,
    bits: Sequence[int],
    bucket_sizes: Sequence[BucketSize] | None,
) -> list[Spec]:
    """The template with other bits and bucket sizes; of buckets that are equal, one.

    Args:
        template: everything else.
        weights: the tensor.
        bits: which bits; those that the template cannot have are left out.
        bucket_sizes: which bucket sizes; None for the template's own, twice and
            four times it, a half and a quarter.

    Raises:
        ValueError: when the template can have none of the bits.
    """
    possible = [template.with_bits(b) for b in bits if template.can_have_bits(b)]
    if not possible:
        raise ValueError(f"{template} can have none of the bits {', '.join(map(str, bits))}")
    sizes = _around(template.bucket_size, (4, 2, 1, 1 / 2, 1 / 4))
    if bucket_sizes is not None:
        sizes = list(bucket_sizes)
    specs = [dataclasses.replace(spec, bucket_size=size) for spec in possible for size in sizes]
    return _different(specs, weights)


def finer(spec: Spec, weights: Weights) -> list[Spec]:
    """Variants in small steps about a spec, for what a budget leaves.

    Bucket sizes from a half to twice its own; where it has none and is a method of
    parts of bits, from one bit less than its own to one more.
    """
    steps = [i / _STEPS for i in range(-_STEPS, _STEPS + 1)]
    if isinstance(spec.bucket_size, int):
        sizes = _around(spec.bucket_size, [2**step for step in steps])
        specs = [dataclasses.replace(spec, bucket_size=size) for size in sizes]
        return _different(specs, weights)
    bits = [spec.nominal_bits + step for step in steps]
    found = [spec.with_nominal_bits(each) for each in bits]
    return list(dict.fromkeys(each for each in found if each is not None)) or [spec]


def _around(bucket_size: BucketSize, factors: Sequence[float]) -> Sequence[BucketSize]:
    if not isinstance(bucket_size, int):
        return [bucket_size]
    return sorted({max(1, round(bucket_size * factor)) for factor in factors}, reverse=True)


def _different(specs: Sequence[Spec], weights: Weights) -> list[Spec]:
    """Without those whose bits and buckets are those of one before, as in a short tensor."""
    found: dict[tuple[float, int], Spec] = {}
    for spec in specs:
        bucketing = spec.bucketing(weights.value.shape, weights.channel_axes)
        found.setdefault((spec.nominal_bits, bucketing.length), spec)
    return list(found.values())
