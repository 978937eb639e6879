"""Six faults of tfmot's wrapper, each shown on tfmot's own and mended in tfqd's."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

import tfqd
from tfqd.wrapping.tf_keras.attributes import put_at
from tfqd.wrapping.tf_keras.toolkit import tfmot

layers = tf_keras.layers
tools = tfmot.quantization.keras

CONFIG = tfqd.tfmot.QuantizeConfig(tfqd.Codebook(bits=2))


@pytest.fixture(autouse=True)
def trained_levels_in_their_wrapper(monkeypatch):
    """tfqd refuses them there, which would hide the wrapper's faults."""

    def put(self, layer, quantize_weights):
        for path, value in zip(self._found[layer], quantize_weights, strict=True):
            put_at(layer, path, value)

    monkeypatch.setattr(tfqd.tfmot.QuantizeConfig, "set_quantize_weights", put)


OURS, THEIRS = tfqd.tfmot.QuantizeWrapper, tools.QuantizeWrapperV2


def wrapped_dense(wrapper):
    dense = layers.Dense(3)
    dense.build((None, 4))
    return wrapper(dense, CONFIG)


def a_call_leaves_the_layer_its_variables(wrapper):
    wrapped = wrapped_dense(wrapper)
    before = wrapped.layer.get_weights()
    wrapped(tf_keras.Input((4,)))
    assert isinstance(wrapped.layer.kernel, tf.Variable)
    for old, new in zip(before, wrapped.layer.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def masks_reach_the_next_layer(wrapper):
    words = tf_keras.Input((None,), dtype="int32")
    embedded = wrapper(layers.Embedding(10, 4, mask_zero=True), CONFIG)(words)
    model = tf_keras.Model(words, wrapper(layers.LSTM(3), CONFIG)(embedded))
    padded, short = model(np.array([[3, 4, 0, 0]])), model(np.array([[3, 4]]))
    np.testing.assert_allclose(padded, short, rtol=1e-5, atol=1e-6)


def weights_keep_their_order_when_the_model_is_made_again(wrapper):
    x = tf_keras.Input((4,))
    model = tf_keras.Model(x, wrapped_dense(wrapper)(x))
    with tools.quantize_scope():
        again = tf_keras.Model.from_config(model.get_config())
    again.set_weights(model.get_weights())
    data = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")
    np.testing.assert_array_equal(again(data), model(data))


def a_frozen_layer_is_not_trained(wrapper):
    wrapped = wrapped_dense(wrapper)
    wrapped(np.ones((1, 4), np.float32))
    points = wrapped.trainable_weights[-1]
    wrapped.layer.trainable = False
    assert [variable.name for variable in wrapped.trainable_weights] == [points.name]
    wrapped.trainable = False
    assert wrapped.trainable_weights == []
    assert len(wrapped.non_trainable_weights) == len(wrapped.weights)


def attention_can_be_made_again(wrapper):
    x = tf_keras.Input((5, 4))
    attention = layers.MultiHeadAttention(2, 3)
    attention(x, x)
    model = tf_keras.Model(x, wrapper(attention, CONFIG)(x, value=x))
    with tools.quantize_scope():
        again = tf_keras.Model.from_config(model.get_config())
    again.set_weights(model.get_weights())
    data = np.random.default_rng(0).normal(size=(2, 5, 4)).astype("float32")
    np.testing.assert_array_equal(again(data), model(data))


# What goes wrong with tfmot's wrapper.
FAULTS = {
    a_call_leaves_the_layer_its_variables: (AssertionError, "isinstance"),
    masks_reach_the_next_layer: (AssertionError, "Not equal to tolerance"),
    weights_keep_their_order_when_the_model_is_made_again: (ValueError, "shape .* not compatible"),
    a_frozen_layer_is_not_trained: (AssertionError, r"assert \['kernel:0'"),
    attention_can_be_made_again: (ValueError, "length 13, but the layer was expecting 9"),
}


@pytest.mark.parametrize("check", FAULTS, ids=lambda check: check.__name__)
def test_ours_has_not_the_fault(check):
    check(OURS)


@pytest.mark.parametrize("check", FAULTS, ids=lambda check: check.__name__)
def test_theirs_has_the_fault(check):
    error, message = FAULTS[check]
    with pytest.raises(error, match=message):
        check(THEIRS)


def layers_before_an_annotated_one(scheme):
    annotate = tools.quantize_annotate_layer
    model = tf_keras.Sequential(
        [
            tf_keras.Input((4,)),
            layers.Dense(5, activation="relu"),
            annotate(layers.Dense(3), CONFIG),
        ]
    )
    return tools.quantize_apply(model, scheme).layers[:-1]


def test_our_scheme_leaves_the_layer_before_an_annotated_one_alone():
    assert [type(x) for x in layers_before_an_annotated_one(tfqd.tfmot.QuantizeScheme())] == [
        layers.Dense
    ]


def test_their_scheme_does_not():
    theirs = tools.default_8bit.Default8BitQuantizeScheme()
    assert THEIRS in [type(x) for x in layers_before_an_annotated_one(theirs)]
