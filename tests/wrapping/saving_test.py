"""Saving, reloading in a fresh process, cloning, exporting and summarizing."""

import os
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from layer_families import Residual

import tfqd

CODEBOOK = tfqd.Codebook(bits=2, bucket_size=32)
UNIFORM = tfqd.Uniform(bits=4, bucket_size=32)
STOCHASTIC = tfqd.Uniform(bits=4, rounding="stochastic")
TESTS = pathlib.Path(__file__).parent


def sequential():
    return keras.Sequential(
        [keras.Input((8,)), layers.Dense(6, activation="relu"), layers.Dense(1)]
    )


def convolutional():
    x = keras.Input((8,))
    y = layers.Conv1D(4, 3, padding="same", use_bias=False)(layers.Reshape((8, 1))(x))
    y = layers.BatchNormalization()(y)
    y = layers.Add()([y, layers.SeparableConv1D(4, 3, padding="same")(y)])
    return keras.Model(x, layers.Dense(1)(layers.Dropout(0.0)(layers.Flatten()(y))))


def nested():
    block = keras.Sequential([keras.Input((8,)), layers.Dense(8, activation="tanh")])
    x = keras.Input((8,))
    return keras.Model(x, layers.Dense(1)(block(block(x))))


def recurrent():
    x = keras.Input((8,))
    y = layers.Bidirectional(layers.GRU(3))(layers.Reshape((4, 2))(x))
    return keras.Model(x, layers.Dense(1)(y))


def by_hand():
    wrap = tfqd.layers.QuantizeWrapper
    return keras.Sequential(
        [
            keras.Input((8,)),
            wrap(layers.Dense(6, activation="relu"), CODEBOOK),
            wrap(layers.Dense(4), {"kernel": UNIFORM, "bias": CODEBOOK}),
            wrap(layers.Dense(1), STOCHASTIC),
        ]
    )


def subclassed():
    model = Residual()
    model.build((None, 8))
    return model


MODELS = {
    "stochastic": lambda: tfqd.quantize_model(sequential(), STOCHASTIC),
    "paper": lambda: tfqd.quantize_model(convolutional(), tfqd.presets.paper(4, codebook=True)),
    "channel": lambda: tfqd.quantize_model(recurrent(), tfqd.presets.deployable(bits=4)),
    "patterns": lambda: tfqd.quantize_model(nested(), {"bias": None, ".*": CODEBOOK}),
    "subclassed": lambda: tfqd.quantize_model(subclassed(), CODEBOOK),
    "wrappers": by_hand,
    "learned step": lambda: tfqd.quantize_model(
        sequential(), tfqd.LearnedStep(bits=3, scaling="affine", layout="channel")
    ),
}


@pytest.fixture(scope="module")
def data():
    x = np.random.default_rng(4).normal(size=(32, 8)).astype("float32")
    return x, x[:, :1] - x[:, 1:2]


@pytest.fixture(scope="module")
def saved(tmp_path_factory, data):
    """The folder with everything saved and reloaded, and the models trained on."""
    folder = tmp_path_factory.mktemp("saved")
    models = {}
    for name, make in MODELS.items():
        keras.utils.set_random_seed(5)
        model = make()
        model.compile(keras.optimizers.Adam(0.02), "mse", jit_compile=False)
        model.fit(*data, epochs=2, verbose=0)
        model.save(folder / f"{name}.keras")
        tfqd.strip_quantization(model).save(folder / f"{name}_stripped.keras")
        model.export(folder / f"{name}_served", verbose=False)
        np.savez(folder / f"{name}.npz", x=data[0], y=data[1], outputs=model(data[0]))
        model.fit(*data, shuffle=False, verbose=0)
        models[name] = model
    command = [sys.executable, TESTS / "reload_in_fresh_process.py", folder]
    environment = {**os.environ, "PYTHONPATH": str(TESTS.parents[1])}
    subprocess.run(command, env=environment, check=True)
    return folder, models


@pytest.mark.parametrize("name", MODELS)
def test_model_reloads_exactly_in_a_fresh_process(saved, name):
    folder, _ = saved
    expected = np.load(folder / f"{name}.npz")["outputs"]
    np.testing.assert_array_equal(np.load(folder / f"{name}_reloaded.npz")["quantized"], expected)


@pytest.mark.parametrize("name", MODELS)
def test_training_goes_on_after_a_reload_as_if_never_stopped(saved, name):
    folder, models = saved
    reloaded = np.load(folder / f"{name}_reloaded.npz")
    for i, weight in enumerate(models[name].get_weights()):
        np.testing.assert_allclose(reloaded[f"weight_{i}"], weight, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", MODELS)
def test_stripped_model_reloads_where_tfqd_is_not_known(saved, name):
    folder, _ = saved
    expected = np.load(folder / f"{name}.npz")["outputs"]
    stripped = np.load(folder / f"{name}_reloaded.npz")["stripped"]
    np.testing.assert_allclose(stripped, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", MODELS)
def test_exported_model_serves_where_tfqd_is_not_known(saved, name):
    folder, _ = saved
    expected = np.load(folder / f"{name}.npz")["outputs"]
    served = np.load(folder / f"{name}_reloaded.npz")["served"]
    np.testing.assert_allclose(served, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", MODELS)
def test_weights_file_restores_another_model(saved, data, name, tmp_path):
    _, models = saved
    models[name].save_weights(tmp_path / "model.weights.h5")
    other = MODELS[name]()
    other.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_array_equal(other(data[0]), models[name](data[0]))


@pytest.mark.parametrize("ending", [".h5", ".hdf5"])
def test_a_file_that_keras_could_not_read_again_is_refused(tmp_path, ending):
    quantized = tfqd.quantize_model(sequential(), UNIFORM)
    for model in (quantized, tfqd.Distiller(None, quantized)):
        path = tmp_path / f"model{ending}"
        with pytest.raises(ValueError, match=rf"must be saved as \.keras: .*model\{ending}'"):
            model.save(path)
        assert not path.exists()


@pytest.mark.parametrize("name", MODELS)
def test_clone_has_the_same_quantizers_and_takes_the_same_weights(saved, data, name):
    _, models = saved
    clone = keras.models.clone_model(models[name])
    clone.set_weights(models[name].get_weights())
    np.testing.assert_array_equal(clone(data[0]), models[name](data[0]))


@keras.saving.register_keras_serializable(package="tfqd_tests")
class TwoBranches(keras.Model):
    """A subclassed model called with a dict, that returns a dict."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.left, self.right = layers.Dense(units), layers.Dense(units)

    def build(self, input_shape):
        self.left.build(input_shape["a"])
        self.right.build(input_shape["b"])

    def call(self, inputs):
        return {"y": self.left(inputs["a"]) * self.right(inputs["b"])}

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def test_subclassed_model_on_dicts_saves_and_exports(tmp_path):
    model = TwoBranches(3)
    inputs = {name: np.random.rand(5, 4).astype("float32") for name in ("a", "b")}
    model(inputs)
    quantized = tfqd.quantize_model(model, CODEBOOK)
    quantized.compile("adam", "mse")
    quantized.fit(inputs, {"y": np.ones((5, 3))}, verbose=0)
    expected = np.array(quantized(inputs)["y"])

    quantized.save(tmp_path / "model.keras")
    reloaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(reloaded(inputs)["y"], expected)
    quantized.export(tmp_path / "served", verbose=False)
    served = tf.saved_model.load(tmp_path / "served")
    np.testing.assert_allclose(served.serve(inputs)["y"], expected, rtol=1e-6)


def test_paths_stay_those_of_the_user_s_model(tmp_path):
    model = subclassed()
    quantized = tfqd.quantize_model(model, CODEBOOK)
    quantized.save(tmp_path / "model.keras")
    reloaded = keras.saving.load_model(tmp_path / "model.keras")
    paths = [weight.path for weight in model.weights]
    for each in (quantized, reloaded):
        assert list(tfqd.compress(each).tensors) == paths
        assert [weight.path for weight in tfqd.strip_quantization(each).weights] == paths


def test_tensorflow_saves_the_model_by_itself(data, tmp_path):
    quantized = tfqd.quantize_model(nested(), CODEBOOK)
    tf.saved_model.save(quantized, tmp_path)
    reloaded = tf.saved_model.load(tmp_path)
    (served,) = reloaded.signatures["serving_default"](tf.constant(data[0])).values()
    np.testing.assert_allclose(served, quantized(data[0]), rtol=1e-6, atol=1e-6)


def test_summary_shows_bits_and_bytes_of_every_quantized_variable(capsys):
    model = keras.Sequential([keras.Input((64,)), layers.Dense(32, name="first")])
    quantized = tfqd.quantize_model(model, tfqd.Codebook(bits=2, bucket_size=256))
    quantized.summary()
    printed = capsys.readouterr().out
    lines = []
    quantized.summary(print_fn=lines.append)
    # 2048 weights: 8192 float bytes; 512 of codes, 8 buckets of 8 bytes, 4 points of 4.
    for text in (printed, "\n".join(lines)):
        assert "Total params" in text
        row = next(
            line for line in text.splitlines() if "first/kernel" in line and "codebook" in line
        )
        assert "(64, 32)" in row
        assert "8,192" in row
        assert "592" in row
