"""Losses, metrics and labels of a quantized tf_keras model go by the float model's outputs."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

import tfqd

X = np.random.default_rng(0).normal(size=(16, 4)).astype(np.float32)
LABELS = {"one": np.zeros((16, 3), np.float32), "two": np.zeros((16, 2), np.float32)}
LOGS = {"loss", "one_loss", "two_loss", "two_mse"}


def two_heads():
    inputs = tf_keras.Input((4,))
    heads = [tf_keras.layers.Dense(units, name=name) for name, units in (("one", 3), ("two", 2))]
    return tf_keras.Model(inputs, [head(inputs) for head in heads])


def logs_of(model):
    model.compile("sgd", {"one": "mse", "two": "mae"}, metrics={"two": "mse"}, jit_compile=False)
    return set(model.fit(X, LABELS, verbose=0).history)


@pytest.fixture
def quantized():
    return tfqd.quantize_model(two_heads(), tfqd.Uniform(bits=4))


def test_layers_are_wrapped_and_outputs_keep_their_names(quantized):
    assert [layer.name for layer in quantized.layers[1:]] == ["quant_one", "quant_two"]
    assert quantized.output_names == two_heads().output_names == ["one", "two"]
    assert logs_of(quantized) == LOGS


def test_a_reload_trains_on_by_the_same_names(quantized, tmp_path):
    logs_of(quantized)
    quantized.save(tmp_path / "model.keras")
    with tfqd.tfmot.quantize_scope():
        again = tf_keras.models.load_model(tmp_path / "model.keras")
    assert again.output_names == ["one", "two"]
    assert set(again.fit(X, LABELS, verbose=0).history) == LOGS


def test_signatures_have_the_names(quantized, tmp_path):
    quantized.save(tmp_path / "model", save_format="tf")
    signature = tf.saved_model.load(str(tmp_path / "model")).signatures["serving_default"]
    assert set(signature.structured_outputs) == {"one", "two"}


def test_outputs_of_one_layer_are_told_apart():
    inputs = tf_keras.Input((4,))
    dense = tf_keras.layers.Dense(4, name="dense")
    model = tf_keras.Model(inputs, [dense(inputs), dense(dense(inputs))])
    assert tfqd.quantize_model(model, 4).output_names == model.output_names == ["dense", "dense_1"]


def test_a_sequential_model_has_them_too():
    layers = [tf_keras.Input((4,)), tf_keras.layers.Dense(3, name="logits")]
    quantized = tfqd.quantize_model(tf_keras.Sequential(layers), 4)
    quantized.compile("sgd", {"logits": "mse"})
    quantized.fit(X, LABELS["one"], verbose=0)


def test_a_distiller_takes_the_names_of_its_student(quantized, tmp_path):
    distiller = tfqd.Distiller(None, quantized, tfqd.distillation.RegressionDistillation())
    assert logs_of(distiller) >= LOGS
    distiller.save(tmp_path / "distiller.keras")
    with tfqd.tfmot.quantize_scope():
        again = tf_keras.models.load_model(tmp_path / "distiller.keras")
    assert set(again.evaluate(X, LABELS, verbose=0, return_dict=True)) >= LOGS
