"""In the mean bucket a weight lies where it lies in its own, and levels lie there too."""

import keras
import numpy as np
import pytest

import tfqd
from tfqd.compressed.mean_bucket import levels_in_mean_bucket, weights_in_mean_bucket

WEIGHTS = np.random.default_rng(0).normal(size=(12, 8)).astype(np.float32)
ONE_BUCKET = [
    tfqd.Uniform(bits=2, bucket_size=None),
    tfqd.Uniform(bits=4, bucket_size=None, scaling="symmetric"),
    tfqd.Codebook(bits=2, bucket_size=None),
    tfqd.Codebook(bits=2, bucket_size=None, scaling="symmetric", grid="int8"),
    tfqd.LearnedStep(bits=3),
]
SEVERAL = [
    tfqd.Uniform(bits=3, bucket_size=16),
    tfqd.Uniform(bits=4, bucket_size=None, layout="channel", scaling="symmetric"),
    tfqd.Codebook(bits=2, bucket_size=16),
    tfqd.LearnedStep(bits=4, layout="channel"),
]


def encoded(spec):
    layer = keras.layers.Dense(8, use_bias=False)
    model = keras.Sequential([keras.Input((12,)), layer])
    layer.kernel.assign(WEIGHTS)
    (tensor,) = tfqd.compress(tfqd.quantize_model(model, spec)).quantized.values()
    return tensor


@pytest.mark.parametrize("spec", [*ONE_BUCKET, *SEVERAL], ids=str)
def test_a_quantized_weight_lies_at_its_level(spec):
    tensor = encoded(spec)
    shown = weights_in_mean_bucket(tensor.dequantize(), tensor)
    np.testing.assert_allclose(shown, levels_in_mean_bucket(tensor)[tensor.codes], atol=1e-5)


@pytest.mark.parametrize("spec", ONE_BUCKET, ids=str)
def test_in_one_bucket_nothing_moves(spec):
    tensor = encoded(spec)
    np.testing.assert_allclose(weights_in_mean_bucket(WEIGHTS, tensor), WEIGHTS, atol=1e-6)
    levels = levels_in_mean_bucket(tensor)
    np.testing.assert_allclose(levels[tensor.codes], tensor.dequantize(), atol=1e-6)


def test_a_bucket_of_equal_weights_has_a_place_too():
    tensor = encoded(tfqd.Uniform(bits=2, bucket_size=8))
    constant = np.zeros((12, 8), np.float32)
    assert np.isfinite(weights_in_mean_bucket(constant, tensor)).all()
