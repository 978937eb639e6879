"""Layers that are frozen or thawed after they were quantized."""

import keras
import numpy as np
import pytest
import tf_keras

import tfqd


def around(base):
    inputs = keras.Input((4,))
    return keras.Model(inputs, keras.layers.Dense(1, name="head")(base(inputs)))


def dense_layers():
    return [keras.layers.Dense(3, name="a"), keras.layers.Dense(2, name="b")]


def sequential_base():
    return keras.Sequential([keras.Input((4,)), *dense_layers()], name="base")


def functional_base():
    first, second = dense_layers()
    inputs = keras.Input((4,))
    return keras.Model(inputs, second(first(inputs)), name="base")


@pytest.mark.parametrize("make", [sequential_base, functional_base])
def test_a_frozen_nested_model_thaws(make):
    base = make()
    base.trainable = False
    quantized = tfqd.quantize_model(around(base), tfqd.Uniform(bits=4))
    assert len(quantized.trainable_variables) == 2
    quantized.model.get_layer("base").trainable = True
    assert len(quantized.trainable_variables) == 6


def test_a_nested_model_thaws_after_a_reload(tmp_path):
    base = sequential_base()
    base.trainable = False
    tfqd.quantize_model(around(base), tfqd.Uniform(bits=4)).save(tmp_path / "m.keras")
    quantized = keras.saving.load_model(tmp_path / "m.keras")
    assert len(quantized.trainable_variables) == 2
    quantized.model.get_layer("base").trainable = True
    assert len(quantized.trainable_variables) == 6


@pytest.mark.parametrize("spec", [tfqd.Codebook(bits=2), tfqd.LearnedStep(bits=2)])
def test_a_layer_that_is_frozen_after_quantizing_does_not_move(spec):
    quantized = tfqd.quantize_model(around(sequential_base()), spec)
    before = tfqd.compress(quantized).dequantize()
    quantized.model.get_layer("base").layers[0].trainable = False
    quantized.compile(keras.optimizers.SGD(0.1), "mse")
    x = np.random.default_rng(0).normal(size=(64, 4)).astype(np.float32)
    quantized.fit(x, x[:, :1] + 1, epochs=2, verbose=0)
    after = tfqd.compress(quantized).dequantize()
    moved = {path for path in before if not np.array_equal(before[path], after[path])}
    assert moved == {path for path in before if not path.startswith("base/a/")}
    assert len(quantized.weights) == len(quantized.trainable_weights) + len(
        quantized.non_trainable_weights
    )


def test_points_alone_train_when_the_whole_model_is_frozen():
    quantized = tfqd.quantize_model(around(sequential_base()), tfqd.Codebook(bits=2))
    quantized.model.trainable = False
    assert [tuple(v.shape) for v in quantized.trainable_variables] == [(4,)] * 3


def test_in_tf_keras_a_frozen_wrapper_does_not_move():
    model = tf_keras.Sequential(
        [tf_keras.Input((4,)), tf_keras.layers.Dense(3, name="a"), tf_keras.layers.Dense(1)]
    )
    quantized = tfqd.quantize_model(model, tfqd.Codebook(bits=2))
    quantized.layers[-2].trainable = False
    before = tfqd.compress(quantized).dequantize()
    quantized.compile(tf_keras.optimizers.SGD(0.1), "mse")
    x = np.random.default_rng(0).normal(size=(64, 4)).astype(np.float32)
    quantized.fit(x, x[:, :1] + 1, epochs=2, verbose=0)
    after = tfqd.compress(quantized).dequantize()
    assert {p for p in before if np.array_equal(before[p], after[p])} == {"a/kernel", "a/bias"}
