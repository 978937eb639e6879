import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfqd import Codebook, Uniform
from tfqd.compressed.restoring import restore_weights
from tfqd.quantizers import quantizer_for


def encode(quantizer, weights, state):
    return quantizer.encode(tf.constant(weights), state)


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from([Uniform, Codebook]),
    bits=st.integers(1, 8),
    bucket_size=st.sampled_from([None, 1, 3, 16, 256]),
    layout=st.sampled_from(["flat", "channel"]),
    scaling=st.sampled_from(["affine", "symmetric"]),
    shape=st.sampled_from([(), (1,), (7,), (40, 5), (3, 2, 4, 9)]),
    center=st.sampled_from([0.0, 5.0, -0.3]),
    seed=st.integers(0, 2**16),
)
def test_restored_weights_quantize_to_the_same_tensor(
    kind, bits, bucket_size, layout, scaling, shape, center, seed
):
    rng = np.random.default_rng(seed)
    spec = kind(bits=bits, bucket_size=bucket_size, layout=layout, scaling=scaling)
    quantizer = quantizer_for(spec, (-1,) if len(shape) > 1 else ())
    points = np.sort(rng.normal(0.5, 0.4, spec.levels)).astype(np.float32)
    state = {"points": tf.constant(points)} if kind is Codebook else {}
    weights = (rng.normal(size=shape) + center).astype(np.float32)
    tensor = encode(quantizer, weights, state)
    again = encode(quantizer, restore_weights(tensor), state)
    np.testing.assert_array_equal(again.scale, tensor.scale)
    if tensor.offset is not None:
        np.testing.assert_array_equal(again.offset, tensor.offset)
    np.testing.assert_array_equal(again.dequantize(), tensor.dequantize())


def test_an_end_midway_between_two_points_comes_back():
    # -3.0013037 times the reciprocal of its absolute value is above -1.
    spec = Codebook(bits=2, bucket_size=None, scaling="symmetric")
    state = {"points": tf.constant([-1.5, -0.5, 0.5, 0.5])}
    for magnitude in np.linspace(2.9, 3.1, 200).astype(np.float32):
        weights = np.array([-magnitude, -0.4, -0.1], np.float32)
        tensor = encode(quantizer_for(spec, ()), weights, state)
        again = encode(quantizer_for(spec, ()), restore_weights(tensor), state)
        np.testing.assert_array_equal(again.dequantize(), tensor.dequantize())


LEVELS = st.sampled_from([-1.2, -1.0, -0.5, 0.0, 0.3, 1.0, 1.1])


@given(
    bits=st.integers(1, 8),
    bucket_size=st.none() | st.integers(1, 300),
    layout=st.sampled_from(["flat", "channel"]),
    scaling=st.sampled_from(["affine", "symmetric"]),
    grid=st.sampled_from([None, "int8", "int4"]),
    shape=st.sampled_from([(), (1,), (7,), (40, 5), (3, 2, 4, 9), (310,)]),
    coinciding=st.none() | st.lists(LEVELS, min_size=256, max_size=256),
    constant=st.booleans(),
    seed=st.integers(0, 2**16),
)
def test_trained_points_come_back_bit_for_bit(
    bits, bucket_size, layout, scaling, grid, shape, coinciding, constant, seed
):
    options = {"bits": bits, "bucket_size": bucket_size, "layout": layout, "scaling": scaling}
    if scaling == "symmetric" and grid is not None:
        options["bits"] = min(bits, 4) if grid == "int4" else bits
        most = 15 if grid == "int4" else 255
        options |= {"grid": grid, "points": min(2 ** options["bits"], most)}
    spec = Codebook(**options)
    rng = np.random.default_rng(seed)
    points = rng.normal(0, 0.7, spec.levels) if coinciding is None else coinciding[: spec.levels]
    state = {"points": tf.constant(np.sort(points).astype(np.float32))}
    weights = np.full(shape, 0.3) if constant else rng.normal(size=shape)
    quantizer = quantizer_for(spec, (-1,) if len(shape) > 1 else ())
    tensor = encode(quantizer, weights.astype(np.float32), state)
    again = encode(quantizer, restore_weights(tensor), state)
    assert again.shape == tensor.shape == shape
    np.testing.assert_array_equal(again.dequantize(), tensor.dequantize())


@pytest.mark.parametrize(
    "spec",
    [
        Codebook(bits=3, layout="channel", channels_per_codebook=2, scaling="symmetric"),
        Codebook(bits=3, points=6, layout="channel", channels_per_codebook=1, bucket_size=5),
        Codebook(bits=2, scaling="symmetric", grid="int8", bucket_size=32),
        Codebook(
            bits=3,
            scaling="symmetric",
            grid="int4",
            bucket_size=None,
            layout="channel",
            channels_per_codebook=4,
        ),
        Codebook(bits=3, layout="tile", bucket_size=(4, 6)),
        Codebook(bits=2, layout="tile", bucket_size=(2, 7), scaling="symmetric", grid="e4m3"),
        Uniform(bits=3, layout="tile", bucket_size=(4, 6)),
    ],
)
def test_restored_weights_of_other_codebooks_quantize_to_the_same_tensor(spec):
    rng = np.random.default_rng(0)
    quantizer = quantizer_for(spec)
    for _ in range(5):
        weights = rng.normal(size=(20, 9)).astype(np.float32)
        state = {}
        if spec.kind == "codebook":
            shape = spec.points_shape(quantizer.bucketing(weights.shape))
            low = -1.1 if spec.scaling == "symmetric" else 0.1
            state = {"points": tf.constant(rng.uniform(low, 0.9, shape), tf.float32)}
        tensor = encode(quantizer, weights, state)
        again = encode(quantizer, restore_weights(tensor), state)
        np.testing.assert_array_equal(again.scale, tensor.scale)
        np.testing.assert_allclose(again.dequantize(), tensor.dequantize(), rtol=1e-6)


def test_quantizing_a_codebook_tensors_own_values_again_does_not():
    quantizer = quantizer_for(Codebook(bits=2, bucket_size=None))
    state = {"points": tf.constant([0.2, 0.4, 0.6, 0.8])}
    weights = np.linspace(-1, 1, 50, dtype=np.float32)
    tensor = encode(quantizer, weights, state)
    naive = encode(quantizer, tensor.dequantize(), state)
    assert np.abs(naive.dequantize() - tensor.dequantize()).max() > 0.1
    restored = encode(quantizer, restore_weights(tensor), state)
    np.testing.assert_array_equal(restored.codes, tensor.codes)


def test_a_constant_bucket_comes_back_constant():
    quantizer = quantizer_for(Uniform(bits=4, bucket_size=4))
    tensor = encode(quantizer, np.full(8, 2.5, np.float32), {})
    assert restore_weights(tensor) == pytest.approx(np.full(8, 2.5), abs=0)
