"""Channels that are constant are taken out of a model, and its answers stay."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from shrinkable_models import RNG, after, assert_alike, chain, emptied, layers, pruned, randomized

import tfqd


@pytest.mark.parametrize("padding", ["same", "valid"])
def test_a_chain_is_shrunk_as_far_as_padding_allows(padding):
    model = chain(padding)
    emptied(model.get_layer("first"), [0, 2, 3])
    emptied(model.get_layer("second"), [1, 4])
    emptied(model.get_layer("hidden"), [0])
    # Behind the normalization two of three are negative, and 0 behind the ReLU.
    norm = model.get_layer("norm")
    bias, mean = np.array(model.get_layer("first").bias), np.array(norm.moving_mean)
    scaled = (bias - mean) * np.array(norm.gamma) / np.sqrt(norm.moving_variance + norm.epsilon)
    beta = np.array(norm.beta)
    beta[[0, 2, 3]] = -scaled[[0, 2, 3]] + [-1, -0.5, 2]
    norm.beta.assign(beta)
    depthwise = model.get_layer("depthwise")
    depthwise.bias.assign(np.array([-1, -1, 0.5, 0.1, 0.1, 0.1]))
    found = tfqd.shrink(model)
    assert_alike(model, found.model, (8, 8, 3))
    assert isinstance(found.model, keras.Sequential)
    if padding == "valid":
        assert after(found) == {"first": 3, "depthwise": 3, "second": 3, "hidden": 3, "out": 3}
        assert found.model.get_layer("second").use_bias  # what constants add
        assert not any(each.reason for each in found.layers[:-2])
    else:
        # -1 behind the depthwise ReLU is 0; the others are constant but for the border.
        assert after(found) == {"first": 5, "depthwise": 5, "second": 3, "hidden": 3, "out": 3}
        assert not found.model.get_layer("second").use_bias
        assert "depends on the input" in str(found) or "pads with zeros" in str(found)


def test_branches_that_are_added_lose_the_channels_that_all_lose():
    inputs = keras.Input((6, 6, 4))
    x = layers.Conv2D(8, 3, padding="same", name="trunk")(inputs)
    x = layers.ReLU()(x)
    y = layers.Conv2D(8, 3, padding="same", activation="relu", name="branch")(x)
    added = layers.Add()([x, y])
    z = layers.Conv2D(4, 1, name="side")(added)
    joined = layers.Concatenate()([added, z])
    outputs = layers.Dense(2, name="out")(layers.GlobalAveragePooling2D()(joined))
    model = randomized(keras.Model(inputs, outputs))
    emptied(model.get_layer("trunk"), [0, 1, 2, 5], bias=-1.0)
    emptied(model.get_layer("branch"), [1, 2, 3, 5], bias=[-1.0, -1.0, -1.0, 0.25])
    emptied(model.get_layer("side"), [3], bias=0.7)
    found = tfqd.shrink(model)
    # 1, 2 and 5 alone are constant in both; 0 and 3 in one.
    assert after(found) == {"trunk": 5, "branch": 5, "side": 3, "out": 2}
    assert found.model.get_layer("trunk").bias.shape == (5,)
    assert_alike(model, found.model, (6, 6, 4))
    assert found.model.count_params() < model.count_params()


def test_layers_that_are_not_known_keep_their_channels_and_say_so():
    inputs = keras.Input((6, 4))
    x = layers.Dense(8, name="before")(inputs)
    x = layers.LayerNormalization(name="unknown")(x)
    x = layers.Dense(6, activation="softmax", name="mixing")(x)
    shared = layers.Dense(6, name="shared")
    model = randomized(keras.Model(inputs, layers.Dense(2, name="out")(shared(shared(x)))))
    for name in ("before", "mixing", "shared"):
        emptied(model.get_layer(name), [0, 1])
    found = tfqd.shrink(model)
    assert after(found) == {"before": 8, "unknown": 8, "mixing": 6, "shared": 6, "out": 2}
    reasons = [each.reason for each in found.layers]
    assert reasons[1:] == [
        "LayerNormalization is not known here",
        "the activation of Dense 'mixing' may mix channels",
        "called several times",
        None,
    ]
    assert found.layers[0].reason == "LayerNormalization 'unknown' takes them as they are"
    assert "LayerNormalization 'unknown'" in str(found)
    assert_alike(model, found.model, (6, 4))


def halved(x):
    return x / 2


@pytest.mark.parametrize("quantized", [False, True], ids=["float", "quantized"])
@pytest.mark.parametrize("activation", ["softmax", halved])
def test_channels_go_in_front_of_an_activation_that_may_mix_them(activation, quantized):
    model = [keras.Input((5,)), layers.Dense(8, "relu", name="hidden")]
    model = randomized(keras.Sequential([*model, layers.Dense(3, activation, name="out")]))
    emptied(model.get_layer("hidden"), [0, 3, 4], bias=[0.5, -1.0, 2.0])
    emptied(model.get_layer("out"), [1])
    if quantized:
        model = tfqd.quantize_model(model, tfqd.LearnedStep(bits=8))
    found = tfqd.shrink(model)
    assert after(found) == {"hidden": 5, "out": 3}
    assert found.layers[1].reason == "the activation of Dense 'out' may mix channels"
    assert_alike(model, found.model, (5,))


def test_a_model_in_the_model_stays_and_is_listed():
    inner = [layers.Dense(8, "relu"), layers.Dense(5)]
    inner = randomized(keras.Sequential([keras.Input((6,)), *inner], name="inner"))
    emptied(inner.layers[0], [0, 1], bias=-1.0)
    inputs = keras.Input((6,))
    x = layers.Dense(6, name="before")(inputs)
    model = randomized(keras.Model(inputs, layers.Dense(2, name="out")(inner(x))))
    found = tfqd.shrink(model)
    assert after(found) == {"before": 6, "inner": 5, "out": 2}
    assert found.layers[1].reason == "a model in the model, which is not looked into"
    assert_alike(model, found.model, (6,))


def test_a_kernel_of_one_place_pads_nothing():
    inputs = keras.Input((4, 4, 3))
    x = layers.Conv2D(4, 1, activation="sigmoid", name="first")(inputs)
    model = randomized(keras.Model(inputs, layers.Conv2D(2, 1, padding="same", name="out")(x)))
    emptied(model.get_layer("first"), [1, 3])
    found = tfqd.shrink(model)
    assert after(found) == {"first": 2, "out": 2}
    assert_alike(model, found.model, (4, 4, 3))


def test_one_channel_of_every_layer_stays():
    model = keras.Sequential([keras.Input((5,)), layers.Dense(4, "relu"), layers.Dense(2)])
    emptied(model.layers[0], [0, 1, 2, 3], bias=[0.5, 1.0, -1.0, 0.0])
    found = tfqd.shrink(model)
    assert found.layers[0].after == 1
    assert_alike(model, found.model, (5,))


def test_what_cannot_be_shrunk_is_refused():
    student = pruned(tfqd.Uniform(bits=4, scaling="symmetric", bucket_size=256))
    with pytest.raises(ValueError, match=r"kernel has several scales in a channel, or .*bucket"):
        tfqd.shrink(student)
    with pytest.raises(TypeError, match="model must be a Keras model"):
        tfqd.shrink("model")
    small = tf_keras.Sequential([tf_keras.layers.Input((3,)), tf_keras.layers.Dense(2)])
    with pytest.raises(ValueError, match="shrink takes Keras 3 models"):
        tfqd.shrink(small)

    class Own(keras.Model):
        def build(self, shape):
            self.dense = layers.Dense(2)
            self.dense.build(shape)
            self.built = True

        def call(self, x):
            return self.dense(x)

    own = Own()
    own(tf.zeros((1, 3)))
    with pytest.raises(ValueError, match="shrink needs a Sequential or Functional model"):
        tfqd.shrink(own)


def test_a_model_that_would_answer_otherwise_is_not_given():
    # Without its zeros the kernel's range begins at 1, and its levels lie elsewhere.
    model = keras.Sequential([keras.Input((4,)), layers.Dense(8, "relu"), layers.Dense(2)])
    kernel = np.random.default_rng(0).uniform(1, 2, size=(4, 8))
    kernel[:, :4] = 0
    model.layers[0].kernel.assign(kernel)
    model.layers[1].kernel.assign(np.linspace(-0.5, 1, 8)[:, None] * [[1, -1]])
    quantized = tfqd.quantize_model(model, tfqd.Uniform(bits=3, bucket_size=None))
    with pytest.raises(tfqd.export.VerificationError, match="without its constant channels"):
        tfqd.shrink(quantized)


def test_adapters_that_were_trained_are_merged_into_what_is_shrunk():
    inputs = keras.Input((5,))
    x = layers.Dense(8, "relu", name="hidden")(inputs)
    model = randomized(keras.Model(inputs, layers.Dense(2, name="out")(x)))
    emptied(model.get_layer("hidden"), [0, 3, 4], bias=[0.5, -1.0, 2.0])
    model.get_layer("out").enable_lora(2)
    model.get_layer("out").lora_kernel_b.assign(RNG.normal(size=(2, 2)))
    found = tfqd.shrink(model)
    assert after(found) == {"hidden": 5, "out": 2}
    assert_alike(model, found.model, (5,))


@pytest.mark.parametrize("quantized", [False, True], ids=["float", "quantized"])
def test_a_bias_that_constants_make_holds_them_alone(quantized):
    out = layers.Dense(2, use_bias=False, bias_initializer="ones", name="out")
    hidden = [keras.Input((5,)), layers.Dense(8, "sigmoid", name="hidden")]
    model = randomized(keras.Sequential([*hidden, out]))
    emptied(model.get_layer("hidden"), [0, 3, 4], bias=[0.5, -1.0, 2.0])
    if quantized:
        model = tfqd.quantize_model(model, tfqd.LearnedStep(bits=8))
    found = tfqd.shrink(model)
    assert after(found) == {"hidden": 5, "out": 2}
    assert_alike(model, found.model, (5,))
