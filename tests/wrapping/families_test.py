"""Every family of layers quantizes, trains, saves, strips and compresses."""

import re

import keras
import numpy as np
import pytest
from layer_families import FAMILIES, learnable_data

import tfqd

CODEBOOK, UNIFORM = tfqd.Codebook(bits=2, bucket_size=32), tfqd.Uniform(bits=4, bucket_size=32)


def alternating(model):
    """A codebook for every other kernel, a uniform grid for those between."""
    kernels = tfqd.quantize_model(model, UNIFORM).quantized_variables
    return {
        f"^{re.escape(entry.variable.path)}$": (CODEBOOK, UNIFORM)[i % 2]
        for i, entry in enumerate(kernels)
    }


@pytest.mark.parametrize("family", FAMILIES)
def test_family_trains_and_keeps_every_promise(family, tmp_path):
    keras.utils.set_random_seed(3)
    model = FAMILIES[family].build()
    x, y = learnable_data(model)
    quantized = tfqd.quantize_model(model, alternating(model))
    weights_before = [entry.variable.numpy() for entry in quantized.quantized_variables]
    states_before = [_state(entry) for entry in quantized.quantized_variables]

    quantized.compile(keras.optimizers.Adam(0.02), "mse")
    before = _mean_squared_error(quantized, x, y)
    quantized.fit(x, y, batch_size=16, epochs=5, verbose=0)
    after = _mean_squared_error(quantized, x, y)

    assert np.isfinite(after)
    assert after < 0.9 * before
    for entry, weights in zip(quantized.quantized_variables, weights_before, strict=True):
        assert not np.array_equal(entry.variable, weights), entry.variable.path
    for entry, points in zip(quantized.quantized_variables, states_before, strict=True):
        assert len(points) == isinstance(entry.quantizer.spec, tfqd.Codebook)
        assert not points or not np.array_equal(_state(entry)[0], points[0]), entry.variable.path

    predictions = np.array(quantized(x))
    stripped = tfqd.strip_quantization(quantized)
    np.testing.assert_allclose(stripped(x), predictions, rtol=1e-5, atol=1e-5)
    _assert_few_values(quantized, stripped)

    quantized.save(tmp_path / "model.keras")
    reloaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(reloaded(x), predictions)


@pytest.mark.parametrize("family", FAMILIES)
def test_channel_layout_has_one_scale_per_output_channel(family):
    build, channels = FAMILIES[family]
    quantized = tfqd.quantize_model(build(), tfqd.presets.deployable(bits=4))
    tensors = tfqd.compress(quantized).quantized.values()
    assert tuple(tensor.scale.size for tensor in tensors) == channels
    for tensor in tensors:
        assert len(np.unique(tensor.codes)) <= 15


def _mean_squared_error(model, x, y):
    return np.mean(np.square(np.array(model(x)) - y))


def _state(entry):
    return [variable.numpy() for variable in entry.state.values()]


def _assert_few_values(quantized, stripped):
    """At most 2^bits values in every bucket of 32 of the plain model's weights."""
    compressed = tfqd.compress(quantized)
    plain = dict(zip(compressed.tensors, stripped.get_weights(), strict=True))
    for path, tensor in compressed.quantized.items():
        flat = plain[path].reshape(-1)
        for start in range(0, flat.size, 32):
            assert len(np.unique(flat[start : start + 32])) <= 2**tensor.bits, path
        assert len(np.unique(tensor.codes)) <= 2**tensor.bits, path
