"""What models within models are called with, where activations are rounded."""

import keras
import numpy as np
import pytest
import tf_keras

import tfqd

X = np.random.default_rng(0).normal(2, 3, size=(64, 6)).astype(np.float32)


def quantized(kind, mask=None, **options):
    """A model of a normalization two models within, the outer of which is called with options."""
    layers = kind.layers
    inner = kind.Sequential(
        [kind.Input((6,)), layers.Dense(5), layers.BatchNormalization(name="norm")]
    )
    within = kind.Input((6,))
    outer = kind.Model(within, layers.Dropout(0.5)(inner(within)), name="base")
    x = kind.Input((6,), name="x")
    inputs = x if mask is None else [x, mask]
    model = kind.Model(inputs, layers.Dense(2, name="y")(outer(x, mask=mask, **options)))
    return tfqd.quantize_model(model, tfqd.presets.deployable(8), activations=tfqd.Activations())


@pytest.mark.parametrize("training", [None, False])
def test_models_that_are_called_for_inference_do_not_train_their_statistics(training):
    """In tf_keras; in Keras 3 what the outermost model is called with is for all within it."""
    tf_keras.utils.set_random_seed(0)
    model = quantized(tf_keras, **({} if training is None else {"training": training}))
    tfqd.calibrate(model, X)
    (norm,) = [each for each in model.layers if each.name == "norm"]
    before = np.array(norm.moving_mean)
    model.compile(tf_keras.optimizers.SGD(1e-3), "mse")
    model.fit(X, X[:, :2], verbose=0)
    assert np.array_equal(norm.moving_mean, before) == (training is False)
    in_training = [np.asarray(model(X, training=True)) for _ in range(2)]
    assert np.array_equal(*in_training) == (training is False)


@pytest.mark.parametrize("kind", [keras, tf_keras], ids=["keras", "tf_keras"])
def test_what_is_not_handed_on_is_refused_by_name(kind):
    with pytest.raises(ValueError, match="model 'base' is called with more than its inputs"):
        quantized(kind, mask=kind.Input((6,), dtype="bool"))
