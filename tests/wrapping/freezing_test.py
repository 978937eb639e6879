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


# Each with the number of its variables that are trained, of one kernel.
SPECS = [
    (tfqd.Uniform(bits=4), 0),
    (tfqd.LearnedStep(bits=2), 1),
    (tfqd.LearnedStep(bits=2, scaling="affine"), 2),
    (tfqd.Codebook(bits=2), 1),
]


@pytest.mark.parametrize(("spec", "state"), SPECS)
@pytest.mark.parametrize("make", [sequential_base, functional_base])
def test_a_frozen_nested_model_thaws(make, spec, state):
    base = make()
    base.trainable = False
    quantized = tfqd.quantize_model(around(base), spec)
    for _ in range(2):
        assert len(quantized.trainable_variables) == 2 + state
        quantized.model.get_layer("base").trainable = True
        assert len(quantized.trainable_variables) == 6 + 3 * state
        quantized.model.get_layer("base").trainable = False


@pytest.mark.parametrize(("spec", "state"), SPECS)
@pytest.mark.parametrize("saved", ["frozen", "thawed"])
def test_a_nested_model_thaws_after_a_reload(saved, spec, state, tmp_path):
    base = sequential_base()
    base.trainable = False
    quantized = tfqd.quantize_model(around(base), spec)
    quantized.model.get_layer("base").trainable = saved == "thawed"
    quantized.save(tmp_path / "m.keras")
    quantized = keras.saving.load_model(tmp_path / "m.keras")
    quantized.model.get_layer("base").trainable = False
    assert len(quantized.trainable_variables) == 2 + state
    quantized.model.get_layer("base").trainable = True
    assert len(quantized.trainable_variables) == 6 + 3 * state


@pytest.mark.parametrize(("spec", "state"), SPECS)
def test_a_wrapped_layer_thaws(spec, state, tmp_path):
    layer = keras.layers.Dense(3, trainable=False)
    model = keras.Sequential([keras.Input((4,)), tfqd.layers.QuantizeWrapper(layer, spec)])
    model.save(tmp_path / "m.keras")
    for each in (model, keras.saving.load_model(tmp_path / "m.keras")):
        assert each.trainable_variables == []
        each.layers[-1].layer.trainable = True
        assert len(each.trainable_variables) == 2 + state


def test_steps_and_points_of_a_frozen_layer_rest_inside_another_model():
    base = sequential_base()
    base.layers[0].trainable = False
    quantized = tfqd.quantize_model(base, tfqd.LearnedStep(bits=2))
    model = around(quantized)
    assert len(model.trainable_variables) == 2 + 3
    quantized.model.layers[0].trainable = True
    assert len(model.trainable_variables) == 2 + 6


def test_a_thawed_layer_trains_its_steps():
    base = sequential_base()
    base.trainable = False
    quantized = tfqd.quantize_model(around(base), tfqd.LearnedStep(bits=2))
    quantized.model.get_layer("base").trainable = True
    quantized.compile(keras.optimizers.SGD(0.1), "mse")
    steps = [entry.state["step"].numpy() for entry in quantized.quantized_variables]
    x = np.random.default_rng(0).normal(size=(64, 4)).astype(np.float32)
    quantized.fit(x, x[:, :1] + 1, verbose=0)
    for entry, before in zip(quantized.quantized_variables, steps, strict=True):
        assert not np.array_equal(entry.state["step"], before)


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


def around_frozen(spec):
    """A wrapper around a TimeDistributed around a frozen layer."""
    inner = tf_keras.layers.Dense(3, trainable=False)
    model = tf_keras.Sequential([tf_keras.Input((2, 4)), tf_keras.layers.TimeDistributed(inner)])
    (wrapper,) = tfqd.quantize_model(model, spec).layers
    return wrapper


@pytest.mark.parametrize(("spec", "state"), SPECS)
def test_in_tf_keras_a_frozen_layer_inside_a_wrapped_one_rests_and_thaws(spec, state):
    wrapper = around_frozen(spec)
    assert wrapper.trainable_weights == []
    assert len(wrapper.non_trainable_weights) == len(wrapper.weights)
    wrapper.layer.layer.trainable = True
    assert len(wrapper.trainable_weights) == 2 + state


def test_in_tf_keras_points_train_alone_when_all_of_a_wrapped_layer_is_frozen():
    wrapper = around_frozen(tfqd.Codebook(bits=2))
    wrapper.layer.trainable = True
    wrapper.layer.trainable = False
    assert [tuple(variable.shape) for variable in wrapper.trainable_weights] == [(4,)]
