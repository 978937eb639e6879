"""The runs that tell properties of a codebook apart have each one property that others lack."""

import itertools

import example_modules  # noqa: F401
import keras
import numpy as np
import pytest
from resnet8_factors import CODES, FACTORS, LAYOUTS, RANGES, name_of

import tfqd

EVERY = pytest.mark.parametrize(
    ("scale", "layout", "codes"), [*itertools.product(RANGES, LAYOUTS, CODES)]
)


def kernel(scale, layout, codes):
    """A kernel of normal weights, quantized as the run has it."""
    keras.utils.set_random_seed(0)
    dense = keras.layers.Dense(8, kernel_initializer="random_normal", use_bias=False)
    run = FACTORS[name_of(scale, layout, codes)]
    return tfqd.quantize_model(keras.Sequential([keras.Input((400,)), dense]), run.spec)


def stored(model):
    (tensor,) = tfqd.compress(model).quantized.values()
    return tensor


@EVERY
def test_a_run_has_the_properties_of_its_name(scale, layout, codes):
    model = kernel(scale, layout, codes)
    before = stored(model)
    assert len(before.scale) == (8 if layout == "channel" else 1)
    assert (before.levels, len(before.points)) == ((4, 4) if codes == "nearest" else (16, 16))
    assert not FACTORS[name_of(scale, layout, codes)].distil
    (weights,) = (variable for variable in model.variables if variable.shape == (400, 8))
    largest = np.unravel_index(np.argmax(np.abs(weights)), weights.shape)
    grown = np.array(weights)
    grown[largest] *= 3
    weights.assign(grown)
    growth = stored(model).scale / before.scale
    bucket = largest[1] if layout == "channel" else 0
    expected = np.ones_like(growth)
    expected[bucket] = 3 if scale == "live" else 1
    np.testing.assert_allclose(growth, expected, rtol=1e-6)


@EVERY
def test_what_is_stored_is_what_is_computed_after_training(scale, layout, codes):
    model = kernel(scale, layout, codes)
    x = np.random.default_rng(0).normal(size=(64, 400)).astype(np.float32)
    model.compile(keras.optimizers.Adam(1e-2), "mse", jit_compile=False)
    model.fit(x, 3 * x[:, :8], verbose=0)
    np.testing.assert_allclose(model(x), x @ stored(model).dequantize(), atol=1e-5)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_ranges_alone_differ_where_code_length_counts(layout):
    live, own = (stored(kernel(scale, layout, "length")) for scale in RANGES)
    np.testing.assert_array_equal(live.codes, own.codes)
    np.testing.assert_array_equal(live.dequantize(), own.dequantize())
