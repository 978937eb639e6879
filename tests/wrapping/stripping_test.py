"""`strip_quantization`: a plain model with the quantized values."""

import keras
import numpy as np
import pytest
from keras import layers

import tfqd

SPEC = tfqd.Codebook(bits=2, bucket_size=16)


def wrap(layer, spec=SPEC):
    return tfqd.layers.QuantizeWrapper(layer, spec)


def floats(*shape):
    return np.random.default_rng(2).normal(size=shape).astype("float32")


def sequential():
    return keras.Sequential(
        [keras.Input((8,)), wrap(layers.Dense(6)), layers.ReLU(), wrap(layers.Dense(2))]
    )


def functional():
    x = keras.Input((8,))
    y = wrap(layers.Dense(8, activation="relu"))(x)
    return keras.Model(x, layers.Dense(2)(layers.Add()([x, layers.BatchNormalization()(y)])))


def nested():
    x = keras.Input((8,))
    block = keras.Sequential([keras.Input((8,)), wrap(functional_block())])
    return keras.Model(x, wrap(layers.Dense(3))(sequential()(block(x))))


def functional_block():
    x = keras.Input((8,))
    return keras.Model(x, layers.Dense(8, activation="tanh")(x), name="block")


def shared():
    x = keras.Input((8,))
    twice = wrap(layers.Dense(8))
    return keras.Model(x, layers.Dense(1)(twice(twice(x))))


def wrapped_model():
    """A wrapper around a whole model."""
    inner = keras.Sequential([keras.Input((8,)), layers.Dense(4), layers.Dense(2)])
    x = keras.Input((8,))
    return keras.Model(x, wrap(inner)(x))


def wrapped_functional_model_called_twice():
    x = keras.Input((8,))
    inner = wrap(keras.Model(x, layers.Dense(8, activation="tanh")(x), name="inner"))
    y = keras.Input((8,))
    return keras.Model(y, [layers.Dense(2)(inner(inner(y))), inner(y)])


def inside_keras_wrappers():
    x = keras.Input((8,))
    y = layers.TimeDistributed(wrap(layers.Dense(3)))(layers.Reshape((4, 2))(x))
    return keras.Model(x, wrap(layers.Bidirectional(layers.LSTM(3)))(y))


@keras.saving.register_keras_serializable(package="tfqd_tests")
class Subclassed(keras.Model):
    """A subclassed model that was written with wrappers in it."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.first, self.second = wrap(layers.Dense(6)), wrap(layers.Dense(2))

    def call(self, x):
        return self.second(self.first(x))


BY_HAND = [
    sequential,
    functional,
    nested,
    shared,
    wrapped_model,
    wrapped_functional_model_called_twice,
    inside_keras_wrappers,
]


@pytest.mark.parametrize("build", BY_HAND)
def test_hand_built_model_becomes_a_plain_one_with_the_same_outputs(build):
    keras.utils.set_random_seed(0)
    model = build()
    for weight in model.trainable_weights:
        weight.assign_add(keras.random.uniform(weight.shape, -0.1, 0.1))
    stripped = tfqd.strip_quantization(model)
    expected, got = model(floats(5, 8)), stripped(floats(5, 8))
    for one, other in zip(keras.tree.flatten(expected), keras.tree.flatten(got), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    assert_plain(stripped)


def assert_plain(model):
    assert not any("tfqd" in type(part).__module__ for part in model._flatten_layers())
    assert '"tfqd' not in str(keras.saving.serialize_keras_object(model)).replace("'", '"')


def test_weights_that_stay_float_are_kept_and_quantized_ones_have_few_values():
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((8,)), layers.Dense(6, bias_initializer="normal"), layers.Dense(2)]
    )
    quantized = tfqd.quantize_model(model, {"dense.*/kernel": tfqd.Uniform(bits=2)})
    stripped = tfqd.strip_quantization(quantized)
    for plain, own in zip(stripped.weights, model.weights, strict=True):
        assert plain.path == own.path
        if "bias" in plain.path:
            np.testing.assert_array_equal(plain, own)
        else:
            assert len(np.unique(plain)) <= 4


def test_trainability_survives():
    model = keras.Sequential([keras.Input((8,)), layers.Dense(6), layers.Dense(2)])
    model.layers[0].trainable = False
    stripped = tfqd.strip_quantization(tfqd.quantize_model(model, SPEC))
    assert [layer.trainable for layer in stripped.layers] == [False, True]


def test_stripped_model_quantizes_to_itself_on_a_uniform_grid():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((8,)), layers.Dense(6)])
    spec = tfqd.Uniform(bits=3)
    stripped = tfqd.strip_quantization(tfqd.quantize_model(model, spec))
    again = tfqd.strip_quantization(tfqd.quantize_model(stripped, spec))
    np.testing.assert_allclose(again.get_weights()[0], stripped.get_weights()[0], atol=1e-6)


def test_model_with_custom_quantizer_layers_is_refused_by_name():
    model = Projects()
    model(floats(2, 8))
    with pytest.raises(ValueError, match=r"tfqd's layer 'quantizer\w*' in code of its own"):
        tfqd.strip_quantization(model)


def test_subclassed_model_that_wraps_in_its_own_code_is_refused_by_name():
    model = Subclassed()
    model(floats(2, 8))
    with pytest.raises(ValueError, match=r"tfqd's layer 'quantize_dense\w*' in code of its own"):
        tfqd.strip_quantization(model)


@keras.saving.register_keras_serializable(package="tfqd_tests")
class Projects(keras.Model):
    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(input_shape[-1], 3), name="kernel")
        self.quantizer = tfqd.layers.Quantizer(SPEC)
        self.quantizer.build(self.kernel.shape)

    def call(self, x):
        return x @ self.quantizer(self.kernel)
