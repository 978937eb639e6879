"""Packed tensors decode, by TensorFlow's operations, to exactly what they stand for."""

import dataclasses
import itertools

import numpy as np
import pytest
import tensorflow as tf
from garbage import collected

from tfqd.compressed import QuantizedTensor, float8
from tfqd.export.decoding import DecodedWeights, Storage
from tfqd.export.packing import pack_tensors, plane_widths
from tfqd.spec.bucketing import Bucketing

# Shape and the axes of the output channel: Dense, Conv2D, DepthwiseConv2D, an
# embedding, Conv2DTranspose, a kernel whose channel axes lie in its middle, a
# single weight and a bias.
SHAPES = [
    ((11, 7), (-1,)),
    ((3, 3, 5, 8), (-1,)),
    ((3, 3, 6, 2), (-2, -1)),
    ((13, 9), (0,)),
    ((2, 3, 4, 5), (-2,)),
    ((3, 4, 2, 5), (1, 2)),
    ((1, 1), (-1,)),
    ((128,), ()),
]


def random_tensor(generator, bits, shape, channel_axes, layout, affine, codebook):
    """Any codes, scales of both signs and of 0, any points."""
    size = generator.choice([None, 1, 4, 300])
    if layout == "tile":
        size = [(1, 4), (3, 5), (8, 64)][generator.integers(3)]
    bucketing = Bucketing(shape, size, layout, channel_axes)
    odd = not affine and not codebook and bits > 1 and generator.random() < 0.5
    levels = 2**bits - 1 if odd else 2**bits

    def numbers(count):
        values = generator.normal(size=count) * 10.0 ** generator.integers(-6, 6, count)
        return np.where(generator.random(count) < 0.1, 0, values).astype(np.float32)

    return QuantizedTensor(
        codes=generator.integers(0, levels, shape).astype(np.uint8),
        bits=bits,
        levels=levels,
        bucketing=bucketing,
        scale=numbers(bucketing.count),
        offset=numbers(bucketing.count) if affine else None,
        points=numbers(levels) if codebook and layout != "tile" else None,
    )


def with_tiles(generator, bits, shape, channel_axes, affine, short):
    """The same with one codebook a tile, of any numbers or of 8-bit floats without scales."""
    tensor = random_tensor(generator, bits, shape, channel_axes, "tile", affine, True)
    size = (tensor.bucketing.count, tensor.levels)
    points = generator.normal(size=size).astype(np.float32)
    if not short:
        return dataclasses.replace(tensor, points=points)
    numbers = float8.NUMBERS[generator.choice(np.flatnonzero(~np.isnan(float8.NUMBERS)), size)]
    return dataclasses.replace(tensor, points=numbers, scale=np.ones_like(tensor.scale))


def with_several_codebooks(generator, bits, shape, channel_axes):
    """The same with one codebook every few output channels, of any number of points."""
    tensor = random_tensor(generator, bits, shape, channel_axes, "channel", True, True)
    channels, levels = int(generator.integers(1, 5)), int(generator.integers(2, 2**bits + 1))
    count = -(-tensor.bucketing.rows // channels)
    return dataclasses.replace(
        tensor,
        codes=tensor.codes % levels,
        levels=levels,
        points=generator.normal(size=(count, levels)).astype(np.float32),
        channels_per_codebook=channels,
    )


def random_tensors(bits):
    generator = np.random.default_rng(bits)
    kinds = itertools.product(("flat", "channel"), (True, False), (True, False))
    return [
        random_tensor(generator, bits, shape, axes if layout == "channel" else (), layout, *rest)
        for (shape, axes), (layout, *rest) in itertools.product(SHAPES, kinds)
        if axes or layout == "flat"
    ] + [
        make(generator, bits, shape, axes)
        for shape, axes in SHAPES
        if axes
        for make in (
            with_several_codebooks,
            lambda *tensor: random_tensor(*tensor, "tile", True, False),
            lambda *tensor: with_tiles(*tensor, affine=True, short=False),
            lambda *tensor: with_tiles(*tensor, affine=False, short=True),
        )
    ]


def bits_of(array):
    return np.ascontiguousarray(array, np.float32).view(np.uint32)


@pytest.mark.parametrize("bits", range(1, 9))
def test_decoded_weights_are_the_dequantized_ones_bit_for_bit(bits):
    tensors = random_tensors(bits)
    weights = DecodedWeights(Storage(pack_tensors(tensors)), tf.float32)
    tf.function(weights.decode, autograph=False)()
    for tensor, weight in zip(tensors, tf.function(weights.read)(), strict=True):
        np.testing.assert_array_equal(bits_of(weight), bits_of(tensor.dequantize()))


@pytest.mark.parametrize("dtype", [tf.bfloat16, tf.float16])
def test_short_types_hold_the_rounded_weights(dtype):
    tensor = random_tensor(np.random.default_rng(0), 4, (70, 3), (-1,), "channel", True, False)
    weights = DecodedWeights(Storage(pack_tensors([tensor])), dtype)
    weights.decode()
    (weight,) = weights.read()
    assert weight.dtype == dtype
    np.testing.assert_array_equal(weight, tf.cast(tensor.dequantize(), dtype))


@pytest.mark.parametrize("bits", range(1, 9))
def test_packed_codes_take_what_the_bits_ask_for(bits):
    tensors = random_tensors(bits)
    packed = pack_tensors(tensors)
    # A plane ends in a byte of its own.
    codes = sum(-(-t.size * bits // 8) + len(plane_widths(bits)) - 1 for t in tensors)
    short = [2**bits * t.points.size // t.levels for t in tensors if t.has_short_points]
    assert packed.codes.nbytes <= codes + sum(short)
    numbers = [t.scale.size * (t.is_scaled + (t.offset is not None)) for t in tensors]
    points = [2**bits * t.points.size // t.levels for t in tensors if t.points is not None]
    assert packed.numbers.size == sum(numbers) + sum(points) - sum(short)


def test_planes_divide_a_byte_and_add_up():
    for bits in range(1, 9):
        assert sum(plane_widths(bits)) == bits
        assert all(8 % width == 0 for width in plane_widths(bits))


def test_weights_of_two_storages_do_not_mix():
    generator = np.random.default_rng(0)
    tensors = [random_tensor(generator, 4, (9, 5), (-1,), "flat", True, False) for _ in range(2)]
    with collected():
        first, second = [DecodedWeights(Storage(pack_tensors([t])), tf.float32) for t in tensors]
        first.decode()
        second.decode()
        np.testing.assert_array_equal(first.read()[0], tensors[0].dequantize())
        del first
    np.testing.assert_array_equal(second.read()[0], tensors[1].dequantize())
