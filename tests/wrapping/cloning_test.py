"""What a model may be made of, to be copied exactly."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import tfqd
from tfqd.wrapping.keras3.cloning import copy_model

X = np.random.default_rng(0).normal(size=(4, 8)).astype("float32")


@pytest.fixture(autouse=True)
def _seed():
    keras.utils.set_random_seed(0)


class NotRegistered(layers.Layer):
    """A custom layer around another, of a class that Keras was not told of."""

    def __init__(self, units, activation=None, **kwargs):
        super().__init__(**kwargs)
        self.units, self.activation = units, keras.activations.get(activation)
        self.dense = layers.Dense(units)

    def build(self, input_shape):
        self.dense.build(input_shape)

    def call(self, x):
        return self.activation(self.dense(x))

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def get_config(self):
        activation = keras.activations.serialize(self.activation)
        return {**super().get_config(), "units": self.units, "activation": activation}


class NegativeL2(keras.regularizers.Regularizer):
    """A custom object that is no layer, and not registered."""

    def __call__(self, weights):
        return -keras.ops.sum(keras.ops.square(weights))

    def get_config(self):
        return {}


def relu(x):
    """Another function than Keras' of that name."""
    return tf.minimum(tf.nn.relu(x), 0.5)


def scaled_by(factor):
    def scaled(x):
        return factor * x

    return scaled


def sequential(*stack):
    return keras.Sequential([keras.Input((8,)), *stack, layers.Dense(3)])


def normalization():
    layer = layers.Normalization()
    layer.adapt(5.0 * X + 1.0)
    return sequential(layer)


def functional_subclass():
    class Doubled(keras.Model):
        def __init__(self, units, **kwargs):
            x = keras.Input((8,))
            super().__init__(x, layers.Dense(units)(x), **kwargs)
            self.units = units

        def call(self, x, training=None):
            return 2.0 * super().call(x, training=training)

        def get_config(self):
            return {"units": self.units, "name": self.name}

    return Doubled(3)


def operations():
    x = keras.Input((8,))
    return keras.Model(
        x, keras.ops.mean(x, axis=-1, keepdims=True) + 2.0 * layers.Dense(3)(x)[:, 1:]
    )


def built_on_data():
    model = keras.Sequential([layers.Dense(4), layers.Dense(3)])
    model(X)
    return model


MODELS = {
    "lambda layer with globals": lambda: sequential(layers.Lambda(lambda x: tf.square(x))),
    "functions of one name": lambda: sequential(
        layers.Lambda(scaled_by(2.0)), layers.Lambda(scaled_by(3.0))
    ),
    "lambda activation": lambda: sequential(layers.Dense(4, lambda x: tf.nn.elu(x) + 1.0)),
    "function named like one of Keras": lambda: sequential(
        layers.Dense(4, activation=relu), layers.Dense(4, activation="relu")
    ),
    "function of TensorFlow": lambda: sequential(layers.Dense(4, activation=tf.nn.silu)),
    "class not registered": lambda: sequential(
        keras.Sequential([keras.Input((8,)), NotRegistered(4, relu)])
    ),
    "inside a wrapper": lambda: sequential(
        layers.Reshape((4, 2)), layers.TimeDistributed(NotRegistered(4, relu)), layers.Flatten()
    ),
    "regularizer not registered": lambda: sequential(
        layers.Dense(4, kernel_regularizer=NegativeL2())
    ),
    "adapted normalization": normalization,
    "functional subclass": functional_subclass,
    "operations": operations,
    "built on data": built_on_data,
}


@pytest.mark.parametrize("name", MODELS)
def test_copy_computes_the_same_and_shares_nothing(name):
    model = MODELS[name]()
    model.compile("sgd", lambda y, p: tf.abs(y - p))
    copy = copy_model(model)
    assert type(copy) is type(model)
    assert not copy.compiled
    np.testing.assert_array_equal(copy(X), model(X))
    np.testing.assert_array_equal(copy.losses, model.losses)
    assert not {id(v) for v in copy.variables} & {id(v) for v in model.variables}
    assert [v.path for v in copy.weights] == [v.path for v in model.weights]


@pytest.mark.parametrize("name", MODELS)
def test_copied_models_quantize_and_strip(name):
    quantized = tfqd.quantize_model(MODELS[name](), tfqd.Uniform(bits=4))
    np.testing.assert_array_equal(quantized(X), tfqd.strip_quantization(quantized)(X))


def test_vocabularies_are_copied_and_saved(tmp_path):
    vectorization = layers.TextVectorization(output_sequence_length=3)
    vectorization.adapt(["a b c", "b c"])
    text = keras.Input((), dtype="string")
    model = keras.Model(text, layers.Dense(2)(layers.Embedding(6, 3)(vectorization(text))))
    quantized = tfqd.quantize_model(model, tfqd.Uniform(bits=8, bucket_size=None))
    words = tf.constant(["a b", "c zebra"])
    np.testing.assert_allclose(quantized(words), model(words), atol=0.02)
    quantized.save(tmp_path / "model.keras")
    reloaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(reloaded(words), quantized(words))


class WithoutConfiguration(keras.Model):
    def __init__(self, units, function):
        super().__init__()
        self.dense, self.function = layers.Dense(units), function

    def call(self, x):
        return self.function(self.dense(x))


def test_model_that_cannot_be_made_again_is_refused_by_name():
    model = WithoutConfiguration(3, object)
    model.function = keras.ops.relu
    model(X)
    message = r"model 'without_configuration\w*' cannot be copied: .*get_config\(\)"
    with pytest.raises(ValueError, match=message):
        tfqd.quantize_model(model, tfqd.Uniform(bits=4))


class WithoutKeywords(keras.Model):
    """As many write a model, which Keras cannot make again either."""

    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(3)

    def build(self, input_shape):
        self.dense.build(input_shape)

    def call(self, x):
        return self.dense(x)


def test_model_that_takes_no_keywords_is_told_to_take_them():
    model = WithoutKeywords()
    model(X)
    message = r"unexpected keyword argument '\w+'.* an __init__ that takes \*\*kwargs"
    with pytest.raises(ValueError, match=message):
        tfqd.quantize_model(model, tfqd.Uniform(bits=4))


class BuiltOnItsCall(keras.Model):
    """Keras remembers the first argument's shape only, and the other's weights not."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.first, self.second = layers.Dense(3), layers.Dense(3)

    def call(self, x, context):
        return self.first(x) + self.second(context)


def test_model_that_only_its_call_builds_is_told_to_have_a_build():
    model = BuiltOnItsCall()
    model(X, X)
    with pytest.raises(ValueError, match=r"cannot be copied: .* and build\(\) where"):
        tfqd.quantize_model(model, tfqd.Uniform(bits=4))


class ForgetsItsUnits(keras.Model):
    """Makes another model than itself from its configuration."""

    def __init__(self, units=3, **kwargs):
        super().__init__(**kwargs)
        self.dense = layers.Dense(units)

    def build(self, input_shape):
        self.dense.build(input_shape)

    def call(self, x):
        return self.dense(x)

    def get_config(self):
        return {"name": self.name}


def test_configuration_of_another_model_is_noticed():
    model = ForgetsItsUnits(5)
    model(X)
    with pytest.raises(ValueError, match="cannot be copied: made again from its configuration"):
        tfqd.quantize_model(model, tfqd.Uniform(bits=4))


def test_adapters_of_lora_are_merged_into_kernels_that_train():
    model = sequential(layers.Dense(5), layers.Dense(5))
    model.layers[0].enable_lora(2)
    model.layers[0].lora_kernel_b.assign(np.full((2, 5), 0.3))
    expected = model(X)
    copy = copy_model(model)
    np.testing.assert_allclose(copy(X), expected, rtol=1e-5, atol=1e-6)
    assert [w.path for w in copy.weights] == [w.path for w in model.weights if "lora" not in w.path]
    assert len(copy.trainable_weights) == len(copy.weights) == 6
    quantized = tfqd.quantize_model(model, tfqd.LearnedStep(bits=8))
    assert [entry.variable.trainable for entry in quantized.quantized_variables] == [True] * 3


def test_adapters_of_an_embedding_are_merged_too():
    model = keras.Sequential([keras.Input((3,), dtype="int32"), layers.Embedding(9, 4)])
    model.layers[0].enable_lora(2)
    model.layers[0].lora_embeddings_b.assign(np.full((2, 4), 0.3))
    tokens = np.arange(6).reshape(2, 3)
    copy = copy_model(model)
    np.testing.assert_allclose(copy(tokens), model(tokens), rtol=1e-5, atol=1e-6)
    assert len(copy.weights) == 1


@pytest.mark.parametrize("rate", [0.0, 0.5])
def test_a_dropout_is_copied_with_the_rate_that_it_has_been_given(rate):
    dropout = layers.Dropout(0.3, seed=3)
    model = keras.Sequential([keras.Input((8,)), dropout, layers.Dense(3)])
    dropout.rate = rate
    copy = copy_model(model)
    np.testing.assert_array_equal(copy(X, training=True), model(X, training=True))
    assert np.array_equal(copy(X, training=True), copy(X, training=False)) == (rate == 0)
