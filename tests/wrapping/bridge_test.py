"""Keras 3 models made again in tf_keras give the same outputs."""

import keras
import numpy as np
import pytest
import tf_keras

import tfqd

layers = keras.layers


def chain(shape, *parts, dtype="float32"):
    return keras.Sequential([keras.Input(shape, dtype=dtype), *parts])


def graph(shape, function):
    inputs = keras.Input(shape)
    return keras.Model(inputs, function(inputs))


def two_inputs_and_heads():
    a, b = keras.Input((3,), name="a"), keras.Input((5,), name="b")
    joined = layers.Dense(2, name="joined")(layers.Concatenate()([a, b]))
    product = layers.Multiply()([layers.Dense(4)(a), layers.Dense(4)(b)])
    return keras.Model({"a": a, "b": b}, [joined, product])


def shared():
    dense = layers.Dense(4)
    return graph((4,), lambda x: layers.Add()([dense(x), dense(layers.ReLU()(x))]))


def attention(x):
    return layers.LayerNormalization()(layers.Add()([x, layers.MultiHeadAttention(2, 4)(x, x)]))


def images():
    return chain(
        (8, 8, 3),
        layers.Conv2D(4, 3, padding="same", kernel_regularizer="l2"),
        layers.BatchNormalization(),
        layers.ReLU(6.0),
        layers.DepthwiseConv2D(3),
        layers.SeparableConv2D(5, 3, padding="same", activation="swish"),
        layers.Conv2DTranspose(2, 2, strides=2),
        layers.PReLU(),
        layers.AveragePooling2D(2),
        layers.Dropout(0.3),
        layers.GroupNormalization(2),
        layers.Flatten(),
        layers.Dense(3, kernel_constraint="max_norm"),
    )


MODELS = {
    "images": images,
    "volumes": lambda: chain((6, 6, 6, 2), layers.Conv3D(3, 3), layers.GlobalMaxPooling3D()),
    "recurrent": lambda: chain(
        (5, 3),
        layers.ZeroPadding1D((1, 2)),
        layers.Conv1D(4, 3, padding="causal"),
        layers.LSTM(4, return_sequences=True, dropout=0.1),
        layers.Bidirectional(layers.GRU(3, return_sequences=True), merge_mode="sum"),
        layers.SimpleRNN(2),
    ),
    "masked words": lambda: chain(
        (5,),
        layers.Embedding(10, 4, mask_zero=True),
        layers.Bidirectional(layers.LSTM(3)),
        dtype="int32",
    ),
    "frames": lambda: chain(
        (5, 4, 4, 2), layers.TimeDistributed(layers.Conv2D(3, 3)), layers.ConvLSTM2D(2, 2)
    ),
    "attention": lambda: graph((5, 8), attention),
    "einsum": lambda: chain(
        (5, 8), layers.EinsumDense("abc,cd->abd", (None, 6), bias_axes="d", activation="gelu")
    ),
    "two inputs and heads": two_inputs_and_heads,
    "nested": lambda: graph((8, 8, 3), lambda x: layers.Dense(2)(images()(x))),
    "shared": shared,
}


def inputs_for(model, seed=0):
    rng = np.random.default_rng(seed)
    return [
        rng.integers(0, 10, (4, *x.shape[1:]))
        if "int" in x.dtype
        else rng.normal(size=(4, *x.shape[1:])).astype(np.float32)
        for x in model.inputs
    ]


def answers(model, arrays, names):
    given = dict(zip(names, arrays, strict=True)) if len(arrays) > 1 else arrays[0]
    return [np.asarray(output) for output in keras.tree.flatten(model(given))]


@pytest.mark.parametrize("name", MODELS)
def test_outputs_weights_and_flags_are_the_same(name):
    keras.utils.set_random_seed(0)
    model = MODELS[name]()
    rng = np.random.default_rng(1)
    for variable in model.weights:
        variable.assign(rng.uniform(0.1, 0.6, variable.shape))
    model.layers[-1].trainable = False
    converted = tfqd.to_tf_keras(model)
    assert isinstance(converted, tf_keras.Model)
    assert converted.count_params() == model.count_params()
    assert len(converted.trainable_weights) == len(model.trainable_weights)
    arrays, names = inputs_for(model), [x.name for x in model.inputs]
    pairs = zip(answers(converted, arrays, names), answers(model, arrays, names), strict=True)
    for theirs, ours in pairs:
        np.testing.assert_allclose(theirs, ours, rtol=1e-4, atol=1e-5)


def test_a_shared_layer_stays_shared():
    converted = tfqd.to_tf_keras(shared())
    assert sum(isinstance(layer, tf_keras.layers.Dense) for layer in converted.layers) == 1


def test_the_result_trains_in_tf_keras():
    converted = tfqd.to_tf_keras(images())
    converted.compile("sgd", "mse")
    x, y = inputs_for(images())[0], np.zeros((4, 3), np.float32)
    losses = converted.fit(x, y, epochs=3, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


def test_an_archive_comes_back_as_a_tf_keras_model(tmp_path):
    quantized = tfqd.quantize_model(images(), tfqd.Codebook(bits=3))
    tfqd.save(quantized, tmp_path / "m.tfqd")
    again = tfqd.load(tmp_path / "m.tfqd", "tf_keras")
    assert isinstance(again, tf_keras.Model)
    x = inputs_for(images())[0]
    np.testing.assert_allclose(again(x), quantized(x), rtol=1e-4, atol=1e-5)


# Those that both know by the same name, but for hard_sigmoid.
ACTIVATIONS = [
    *("elu", "exponential", "gelu", "leaky_relu", "linear", "log_softmax", "mish", "relu", "relu6"),
    *("selu", "sigmoid", "silu", "softmax", "softplus", "softsign", "swish", "tanh"),
]


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_of_one_name_are_one_function(name):
    model = chain((20,), layers.Activation(name))
    x = np.random.default_rng(0).normal(size=(4, 20)).astype(np.float32) * 4
    np.testing.assert_allclose(tfqd.to_tf_keras(model)(x), model(x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "layer",
    [
        lambda: layers.Activation("hard_sigmoid", name="gate"),
        lambda: layers.LSTM(3, recurrent_activation="hard_sigmoid", name="gate"),
        lambda: layers.Bidirectional(layers.GRU(3, "hard_sigmoid", name="gate")),
    ],
)
def test_an_activation_that_is_another_function_is_refused(layer):
    message = "activation 'hard_sigmoid' of layer '.*gate' is another function in tf_keras"
    with pytest.raises(ValueError, match=message):
        tfqd.to_tf_keras(chain((5, 3), layer()))


@keras.saving.register_keras_serializable("bridge_test")
class Own(layers.Layer):
    def call(self, x):
        return x


class Subclassed(keras.Model):
    def call(self, x):
        return x


def built(model):
    model(np.zeros((1, 4), np.float32))
    return model


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: chain((4,), layers.RMSNormalization()), ValueError, "RMSNormalization"),
        (lambda: chain((4,), layers.Lambda(lambda x: x)), ValueError, "layer 'lambda"),
        (lambda: chain((4,), layers.LeakyReLU(0.0)), ValueError, "LeakyReLU has no negative_slope"),
        (lambda: chain((4,), Own(name="mine")), ValueError, "layer 'mine', a .*Own"),
        (lambda: graph((4,), lambda x: layers.Dense(2)(x + 1)), ValueError, "operation 'add"),
        (lambda: graph((4,), lambda x: x + 1), ValueError, "takes its output from"),
        (lambda: built(Subclassed()), ValueError, r"is subclassed \(Subclassed\)"),
        (lambda: keras.Sequential([layers.Dense(2)]), ValueError, "is not built"),
        (lambda: "resnet", TypeError, "must be a Keras 3 model; got str"),
        (lambda: tf_keras.Sequential([]), TypeError, "must be a Keras 3 model; got Sequential"),
    ],
)
def test_what_tf_keras_cannot_be_given_is_named(make, error, message):
    with pytest.raises(error, match=message):
        tfqd.to_tf_keras(make())


@keras.saving.register_keras_serializable(package="tfqd_bridge_tests")
class OwnCell(layers.SimpleRNNCell):
    """A cell that tf_keras has no class for."""


def discretized():
    layer = layers.Discretization(num_bins=4, name="odd")
    layer.adapt(np.arange(12.0))
    return chain((3,), layer)


@pytest.mark.parametrize(
    "make",
    [
        discretized,
        lambda: chain((5, 3), layers.RNN(OwnCell(4), name="odd")),
        *[
            lambda activation=activation: chain((3,), layers.Dense(2, activation, name="odd"))
            for activation in ("hard_swish", "hard_tanh", "celu", "squareplus", "sparse_plus")
        ],
    ],
)
def test_what_tf_keras_refuses_itself_is_told_with_the_layer(make):
    model, message = make(), r"cannot be given layer 'odd', a keras.*as it is set: "
    with pytest.raises(ValueError, match=message) as error:
        tfqd.to_tf_keras(model)
    assert error.value.__cause__ is not None
