"""Models of 16-bit activations train, and every file keeps what they are."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from integer_models import IMAGES, quantized, trained

import tfqd
from tfqd.export.litert.checking.runtimes import run, runtimes


@pytest.fixture(name="model", scope="module")
def trained_model():
    return trained(bits=16, epochs=2)


def test_the_loss_falls_and_ranges_have_16_bits_about_0(model):
    losses = model.history.history["loss"]
    assert losses[-1] < losses[0]
    for layer in model.quantized_activations:
        assert layer.quantizer.bits == 16
        low, high = layer.ends
        step = (high - low) / layer.quantizer.steps
        # The softmax uses one half of them.
        assert low / step == pytest.approx(0 if layer.quantizer.fixed else -32768)
    assert set(tfqd.compute_report(model).by_bits) == {(8, 16)}


def test_every_file_keeps_the_ranges(model, tmp_path):
    expected = np.asarray(model(IMAGES[:8]))
    ends = [layer.ends for layer in model.quantized_activations]
    model.save(tmp_path / "m.keras")
    tfqd.save(model, tmp_path / "m.tfqd")
    for loaded in (
        keras.models.load_model(tmp_path / "m.keras"),
        tfqd.load(tmp_path / "m.tfqd", "quantized"),
    ):
        assert [layer.ends for layer in loaded.quantized_activations] == ends
        np.testing.assert_allclose(loaded(IMAGES[:8]), expected, atol=1e-4)
    tfqd.export.saved_model(model, tmp_path)
    served = tf.saved_model.load(tmp_path / "1").signatures["serving_default"]
    (answer,) = served(image=tf.constant(IMAGES[:8])).values()
    np.testing.assert_allclose(answer, expected, atol=1e-4)


@pytest.mark.parametrize("kit", [keras, tf_keras])
def test_layers_without_a_kernel_stay_float_between_16_bits(kit, tmp_path):
    parts = [kit.layers.Flatten(), kit.layers.Dense(6), kit.layers.LayerNormalization()]
    model = kit.Sequential([kit.Input((8, 8, 3), name="image"), *parts, kit.layers.Dense(3)])
    wide = {"bits": 16, "without_kernel": "float"}
    with pytest.raises(ValueError, match=r"LayerNormalization.* cannot compute with integers"):
        quantized(model, bits=16)
    model = quantized(model, **wide)
    result = tfqd.export.tflite(model, tmp_path / "m.tflite", io_dtype="int16", probes=IMAGES[:8])
    assert result.report.operators["FULLY_CONNECTED"] == 2
    expected = np.asarray(model(IMAGES))
    for runtime in runtimes():
        data = (tmp_path / "m.tflite").read_bytes()
        (answer,) = run(runtime, data, {"image": IMAGES}).values()
        assert np.abs(answer - expected).max() < 1e-3 * np.ptp(expected), runtime
