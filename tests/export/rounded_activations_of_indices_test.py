"""Models that look indices up compute with rounded activations as their files do."""

import keras
import numpy as np
import pytest
import tf_keras
from ai_edge_litert.interpreter import Interpreter

import tfqd

ROWS = 300  # more than 8 bits of indices
CHANCE = np.random.default_rng(0)
TOKENS = CHANCE.integers(0, ROWS, (64, 6)).astype(np.float32)
FEATURES = CHANCE.normal(size=(64, 5)).astype(np.float32)
BOTH = np.concatenate([TOKENS, FEATURES], axis=1)


def looked_up(kit, indices, name="table"):
    return kit.layers.Flatten()(kit.layers.Embedding(ROWS, 8, name=name)(indices))


def head(kit, x):
    return kit.layers.Dense(3, name="scores")(kit.layers.Dense(16, activation="relu")(x))


def functional(kit):
    x = kit.Input((6,), name="x")
    return kit.Model(x, head(kit, looked_up(kit, x))), TOKENS


def reshaped(kit):
    x = kit.Input((2, 3), name="x")
    tokens = kit.layers.Reshape((6,))(x)
    return kit.Model(x, head(kit, looked_up(kit, tokens))), TOKENS.reshape(-1, 2, 3)


def cast(kit):
    x = kit.Input((6,), name="x")
    tokens = keras.ops.cast(x, "int32") if kit is keras else tf_keras.backend.cast(x, "int32")
    return kit.Model(x, head(kit, looked_up(kit, tokens))), TOKENS


def columns(kit):
    x = kit.Input((11,), name="x")
    features = kit.layers.Dense(8, activation="relu")(x[:, 6:])
    joined = kit.layers.Concatenate()([looked_up(kit, x[:, :6]), features])
    return kit.Model(x, head(kit, joined)), BOTH


def beside_a_product(kit):
    x = kit.Input((6,), name="x")
    scaled = kit.layers.Dense(8, activation="relu")(x)
    return kit.Model(x, head(kit, kit.layers.Concatenate()([looked_up(kit, x), scaled]))), TOKENS


def inside_a_layer(kit):
    class TokensAndPlaces(kit.layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.tokens, self.places = (kit.layers.Embedding(n, 8, name=f"e{n}") for n in (ROWS, 6))

        def build(self, shape):
            self.tokens.build(shape)
            self.places.build((6,))
            self.built = True

        def call(self, x):
            return self.tokens(x) + self.places(np.arange(6))

    x = kit.Input((6,), name="x")
    return kit.Model(x, head(kit, kit.layers.Flatten()(TokensAndPlaces()(x)))), TOKENS


def quantized(model, x, without_kernel="float"):
    spec = tfqd.Activations(without_kernel=without_kernel)
    result = tfqd.quantize_model(model, tfqd.presets.deployable(8), activations=spec)
    tfqd.calibrate(result, x)
    return result


def check_file(model, x, path):
    """That the file looks up the rows of the model, for all of x."""
    tfqd.export.tflite(model, path, probes=x[:32])
    runner = Interpreter(str(path), num_threads=1).get_signature_runner("serving_default")
    (answers,) = runner(x=x).values()
    expected = model.predict(x, verbose=0)
    assert np.abs(answers - expected).max() < 0.03 * np.ptp(expected)


@pytest.mark.parametrize("kit", [keras, tf_keras])
@pytest.mark.parametrize(
    "build", [functional, reshaped, cast, columns, beside_a_product, inside_a_layer]
)
def test_indices_in_floats_are_not_rounded(kit, build, tmp_path):
    kit.utils.set_random_seed(0)
    plain, x = build(kit)
    model = quantized(plain, x)
    assert not [each for each in model.quantized_activations if "input" in each.reason]
    expected = plain.predict(x, verbose=0)
    assert np.abs(model.predict(x, verbose=0) - expected).max() < 0.1 * np.abs(expected).max()
    check_file(model, x, tmp_path / "m.tflite")


def test_a_subclassed_model_does_not_round_its_indices(tmp_path):
    class Tagger(keras.Model):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.table, self.flat = keras.layers.Embedding(ROWS, 8), keras.layers.Flatten()
            self.classes = keras.layers.Dense(3)

        def call(self, x):
            return self.classes(self.flat(self.table(x)))

    plain = Tagger()
    expected = plain(TOKENS.astype(np.int32)).numpy()
    model = quantized(plain, TOKENS)
    assert np.abs(model.predict(TOKENS, verbose=0) - expected).max() < 0.05 * np.abs(expected).max()
    check_file(model, TOKENS, tmp_path / "m.tflite")


@pytest.mark.parametrize("kit", [keras, tf_keras])
@pytest.mark.parametrize("first", ["table", "features"])
def test_what_a_table_has_is_joined_with_activations(kit, first, tmp_path):
    tokens, features = kit.Input((6,), dtype="int32", name="x"), kit.Input((5,), name="features")
    parts = [looked_up(kit, tokens), kit.layers.Dense(8, activation="relu")(features)]
    if first == "features":
        parts.reverse()
    plain = kit.Model([tokens, features], head(kit, kit.layers.Concatenate()(parts)))
    x = [TOKENS.astype(np.int32), FEATURES]
    model = quantized(plain, x)
    expected = plain.predict(x, verbose=0)
    assert np.abs(model.predict(x, verbose=0) - expected).max() < 0.1 * np.abs(expected).max()
    result = tfqd.export.tflite(model, tmp_path / "m.tflite", probes=x)
    assert result.report.weight_error < 1e-6
