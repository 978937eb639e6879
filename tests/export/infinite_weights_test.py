"""Infinity in a weight that nothing trains, as in a causal mask, goes through every file."""

import importlib

import keras
import numpy as np
import pytest
import tf_keras

import tfqd
from tfqd.export.safetensors_file import read_safetensors

WRITERS = {
    "m.tfqd": tfqd.save,
    "m.keras": tfqd.export.keras,
    "served": tfqd.export.saved_model,
    "m.safetensors": tfqd.export.safetensors,
    "m.tflite": tfqd.export.tflite,
}


class Attention:
    """Scores of each place for those before it."""

    def build(self, shape):
        later = np.triu(np.full((shape[1], shape[1]), -np.inf, np.float32), 1)
        self.mask = self.add_weight(
            name="mask", shape=later.shape, initializer="zeros", trainable=False
        )
        self.mask.assign(later)
        super().build(shape)


@keras.saving.register_keras_serializable("infinite_weights")
class Masked(Attention, keras.layers.Layer):
    def call(self, inputs):
        scores = keras.ops.matmul(inputs, keras.ops.transpose(inputs, (0, 2, 1)))
        return keras.ops.softmax(scores + self.mask)


@tf_keras.saving.register_keras_serializable("infinite_weights")
class OldMasked(Attention, tf_keras.layers.Layer):
    def call(self, inputs):
        scores = tf_keras.backend.batch_dot(inputs, inputs, axes=2)
        return tf_keras.backend.softmax(scores + self.mask)


@pytest.fixture(scope="module", params=["keras", "tf_keras"])
def quantized(request):
    version = importlib.import_module(request.param)
    version.utils.set_random_seed(0)
    masked = Masked if request.param == "keras" else OldMasked
    inputs = version.layers.Input((4, 8))
    outputs = masked(name="masked")(version.layers.Dense(8, name="dense")(inputs))
    return tfqd.quantize_model(version.Model(inputs, outputs), 4)


def mask_of(tensors):
    (mask,) = (array for name, array in tensors.items() if name.endswith("mask"))
    return mask


@pytest.mark.parametrize("name", WRITERS)
def test_a_mask_of_infinity_is_written_and_verified(name, quantized, tmp_path):
    path = tmp_path / name
    WRITERS[name](quantized, path)
    if name == "m.safetensors":
        assert np.isneginf(mask_of(read_safetensors(path))).sum() == 6
    else:
        tfqd.export.verify(path)


def test_an_archive_holds_it_exactly_in_two_bytes_too(quantized, tmp_path):
    expected = mask_of(tfqd.compress(quantized).tensors)
    assert np.isneginf(expected).sum() == 6
    for dtype in ("float32", "float16", "bfloat16"):
        tfqd.save(quantized, tmp_path / "m.tfqd", rest_dtype=dtype)
        loaded = tfqd.load(tmp_path / "m.tfqd", "compressed")
        np.testing.assert_array_equal(mask_of(loaded.tensors), expected)


def test_nan_in_it_is_refused_without_a_word_of_quantizing(quantized):
    (mask,) = (each for each in quantized.weights if "mask" in each.name)
    before = np.array(mask)
    mask.assign(np.full(before.shape, np.nan))
    try:
        with pytest.raises(ValueError, match=r"mask holds 16 NaN .* of 16; .*NaN may not$"):
            tfqd.compress(quantized)
    finally:
        mask.assign(before)


def test_infinity_in_what_is_trained_is_refused_without_a_word_of_quantizing():
    plain = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="dense")])
    quantized = tfqd.quantize_model(plain, 4)
    quantized.model.layers[0].bias.assign([0.0, -np.inf, 0.0])
    message = r"dense/bias holds 1 NaN or infinite weights of 3; a trainable variable must be"
    with pytest.raises(ValueError, match=message):
        tfqd.compress(quantized)
