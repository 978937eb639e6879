"""Layers in layers that wrap them come to tf_keras with their own weights and their own flags."""

import keras
import numpy as np
import pytest

import tfqd

layers = keras.layers


def of_frames(*parts):
    return layers.TimeDistributed(keras.Sequential(parts))


def nested(shape, *parts):
    return keras.Sequential([keras.Input(shape), *parts])


def both_ways(layer, forward, backward):
    return layers.Bidirectional(
        layer(3, trainable=forward), backward_layer=layer(3, trainable=backward, go_backwards=True)
    )


def partly_frozen():
    wrapper = of_frames(layers.Dense(4), layers.BatchNormalization(), layers.Dense(4))
    wrapper.build((None, 5, 4))
    wrapper.layer.layers[0].trainable = False
    return wrapper


def frozen(layer):
    layer.trainable = False
    return layer


WRAPPERS = {
    "one layer": lambda: layers.TimeDistributed(layers.Dense(4)),
    "a frozen layer": lambda: layers.TimeDistributed(layers.Dense(4, trainable=False)),
    "frozen": lambda: frozen(layers.TimeDistributed(layers.Dense(4))),
    "made frozen": lambda: layers.TimeDistributed(layers.Dense(4), trainable=False),
    "two norms": lambda: of_frames(
        layers.BatchNormalization(), layers.ReLU(), layers.BatchNormalization()
    ),
    "a norm between": lambda: of_frames(
        layers.Dense(4), layers.BatchNormalization(), layers.Dense(4)
    ),
    "partly frozen": partly_frozen,
    "in another": lambda: layers.TimeDistributed(
        of_frames(layers.BatchNormalization(), layers.BatchNormalization())
    ),
    "around both ways": lambda: layers.TimeDistributed(layers.Bidirectional(layers.GRU(3))),
    "both ways": lambda: both_ways(layers.LSTM, True, True),
    "the first way frozen": lambda: both_ways(layers.LSTM, False, True),
    "the second way frozen": lambda: both_ways(layers.GRU, True, False),
    "both ways frozen": lambda: frozen(both_ways(layers.SimpleRNN, True, True)),
}
DEEPER = {"in another", "around both ways"}


@pytest.mark.parametrize("name", WRAPPERS)
def test_weights_and_flags_in_wrappers_are_the_same(name):
    shape = (2, 5, 4) if name in DEEPER else (5, 4)
    model = nested(shape, WRAPPERS[name]())
    rng = np.random.default_rng(1)
    for variable in model.weights:
        variable.assign(rng.uniform(0.1, 0.9, variable.shape))
    converted = tfqd.to_tf_keras(model)
    x = rng.normal(size=(3, *shape)).astype(np.float32)
    np.testing.assert_allclose(converted(x), model(x), rtol=1e-4, atol=1e-5)
    ours, theirs = [[np.asarray(w) for w in m.trainable_weights] for m in (model, converted)]
    assert len(ours) == len(theirs)
    for our, their in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(our, their)


def test_a_wrapper_with_weights_of_its_own_is_refused():
    model = nested((4,), layers.SpectralNormalization(layers.Dense(2), name="bounded"))
    with pytest.raises(ValueError, match=r"layer 'bounded', a .*SpectralNormalization"):
        tfqd.to_tf_keras(model)
