"""Models with tfmot's quantizers of activations, made again from a ``.tfqd`` file to train on."""

import numpy as np
import pytest
import tf_keras

import tfqd

layers = tf_keras.layers

X = np.random.default_rng(0).normal(size=(32, 8, 8, 3)).astype("float32")
Y = X[:, 0, 0]


def network(shortcut):
    """A residual block between a stem and a head; with a layer on the way around it, or none."""
    inputs = tf_keras.Input((8, 8, 3))
    stem = layers.Conv2D(4, 3, padding="same", use_bias=False)(inputs)
    stem = layers.ReLU()(layers.BatchNormalization()(stem))
    around = layers.Conv2D(4, 1)(stem) if shortcut else stem
    branch = layers.Conv2D(4, 3, padding="same", use_bias=False)(stem)
    branch = layers.BatchNormalization()(branch)
    joined = layers.ReLU()(layers.Add()([branch, around]))
    return tf_keras.Model(inputs, layers.Dense(3)(layers.GlobalAveragePooling2D()(joined)))


def separable():
    parts = [layers.SeparableConv2D(4, 3), layers.ReLU(), layers.Flatten(), layers.Dense(3)]
    return tf_keras.Sequential([tf_keras.Input((8, 8, 3)), *parts])


def trained(model, spec):
    quantized = tfqd.quantize_model(model, spec, activations="tfmot")
    quantized.compile(tf_keras.optimizers.SGD(0.01), "mse")
    quantized.fit(X, Y, verbose=0)
    return quantized


@pytest.mark.parametrize(
    ("model", "spec"),
    [
        (lambda: network(shortcut=False), tfqd.presets.deployable(8)),
        (lambda: network(shortcut=True), tfqd.LearnedStep(bits=4)),
        (separable, tfqd.Codebook(bits=3)),
    ],
    ids=["residual", "shortcut", "separable"],
)
def test_it_answers_as_before_and_trains_on_by_both_quantizers(tmp_path, model, spec):
    tf_keras.utils.set_random_seed(4)
    quantized = trained(model(), spec)
    tfqd.save(quantized, tmp_path / "model.tfqd")
    again = tfqd.load(tmp_path / "model.tfqd", "quantized")
    np.testing.assert_allclose(again(X), quantized(X), rtol=1e-5, atol=1e-5)
    assert [layer.name for layer in again.layers] == [layer.name for layer in quantized.layers]
    assert [weight.shape for weight in again.weights] == [w.shape for w in quantized.weights]
    pairs = zip(again.quantized_variables, quantized.quantized_variables, strict=True)
    assert all(one.path == other.path for one, other in pairs)
    before = [np.array(each) for each in again.get_weights()]
    again.compile(tf_keras.optimizers.SGD(0.01), "mse")
    again.fit(X, Y, verbose=0)
    names = [weight.name for weight in again.weights]
    changed = {
        name
        for name, old, new in zip(names, before, again.get_weights(), strict=True)
        if np.any(old != new)
    }
    assert any("output_max" in name or "post_activation_max" in name for name in changed)
    assert any("kernel" in name for name in changed)
    tfqd.save(again, tmp_path / "again.tfqd")
    np.testing.assert_array_equal(tfqd.load(tmp_path / "again.tfqd")(X), again(X))
