"""Models that give an input as an output round it as their other activations."""

import keras
import numpy as np
import pytest
import tf_keras

import tfqd

X = np.random.default_rng(0).normal(size=(32, 6)).astype(np.float32)


@pytest.mark.parametrize("kind", [keras, tf_keras], ids=["keras", "tf_keras"])
def test_the_output_has_a_name_of_its_own(kind, tmp_path):
    kind.utils.set_random_seed(0)
    x = kind.Input((6,), name="x")
    plain = kind.Model(x, [x, kind.layers.Dense(2, name="y")(x)])
    spec = tfqd.Activations(start="minmax")
    model = tfqd.quantize_model(plain, tfqd.presets.deployable(8), activations=spec)
    assert model.output_names == ["given_x", "y"]
    tfqd.calibrate(model, X)
    given, _ = model(X)
    np.testing.assert_allclose(given, X, atol=0.51 * np.ptp(X) / 255)
    result = tfqd.export.tflite(model, tmp_path / "m.tflite", probes=X)
    assert result.largest_difference < 0.01
