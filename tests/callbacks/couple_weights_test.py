"""Coupled weights gather in clusters that the data choose, and become codebooks as they are."""

import functools
import warnings

import keras
import numpy as np
import pytest
import tf_keras

import tfqd
from tfqd.callbacks import CoupleWeights
from tfqd.distillation import FeatureDistillation

X = np.random.default_rng(0).normal(size=(256, 8)).astype("float32")
Y = np.tanh(X @ np.random.default_rng(1).normal(size=(8, 2))).astype("float32")


def network(version, units=32):
    version.utils.set_random_seed(0)
    layers = version.layers
    hidden = layers.Dense(units, activation="tanh", name="hidden")
    return version.Sequential([layers.Input((8,)), hidden, layers.Dense(2, name="out")])


@functools.cache
def trained_weights():
    model = network(keras)
    model.compile(keras.optimizers.Adam(0.01), "mse")
    model.fit(X, Y, epochs=30, verbose=0)
    return model.get_weights()


def trained(version):
    model = network(version)
    model.set_weights(trained_weights())
    return model


def fit(model, version, coupling, epochs=30, rate=0.02):
    steps = epochs * 8
    decay = version.optimizers.schedules.PolynomialDecay(rate, steps, 1e-5)
    model.compile(version.optimizers.SGD(decay), "mse")
    history = model.fit(X, Y, epochs=epochs, verbose=0, callbacks=[coupling])
    return history.history["loss"][-1]


def kernels(model):
    return [np.asarray(layer.kernel) for layer in model.layers if hasattr(layer, "kernel")]


@pytest.fixture(scope="module", params=[keras, tf_keras], ids=["keras", "tf_keras"])
def settled(request):
    """A model with coupled weights, its loss before it settled, and the selection."""
    model, coupling = trained(request.param), CoupleWeights(strength=20, reach=0.4)
    loss = fit(model, request.param, coupling)
    return model, loss, coupling.settle()


def test_weights_gather_in_few_clusters_without_losing_what_was_learned(settled):
    model, loss, selection = settled
    counts = [len(np.unique(kernel)) for kernel in kernels(model)]
    assert [spec.levels for spec in selection.values()] == counts
    assert min(counts) >= 2
    assert max(counts) <= 12
    assert loss < 0.05
    assert model.evaluate(X, Y, verbose=0) < 2 * loss + 0.01


def test_the_codebooks_hold_the_clusters_exactly(settled):
    model, _, selection = settled
    quantized = tfqd.quantize_model(model, selection)
    for tensor, kernel in zip(
        tfqd.compress(quantized).quantized.values(), kernels(model), strict=True
    ):
        np.testing.assert_allclose(tensor.dequantize(), kernel, atol=1e-6 * np.abs(kernel).max())


def test_greater_reach_leaves_fewer_clusters():
    counts = []
    for reach in (0.2, 0.8):
        model, coupling = trained(keras), CoupleWeights(strength=20, reach=reach)
        fit(model, keras, coupling)
        counts.append([spec.levels for spec in coupling.settle().values()])
    assert all(more > fewer for more, fewer in zip(*counts, strict=True))


def test_selected_variables_alone_move_and_options_are_the_codebooks():
    model = network(keras)
    model.trainable = False
    before = kernels(model)
    coupling = CoupleWeights(strength=20, reach=0.4, select="out/kernel")
    model.compile("sgd", "mse")
    model.fit(X, Y, epochs=20, verbose=0, callbacks=[coupling])
    hidden, out = kernels(model)
    np.testing.assert_array_equal(hidden, before[0])
    assert not np.array_equal(out, before[1])
    (spec,) = coupling.settle(gradient_scale="lsq").values()
    assert (spec.gradient_scale, spec.init, spec.bucket_size) == ("lsq", "kmeans", None)


@pytest.mark.parametrize("version", [keras, tf_keras], ids=["keras", "tf_keras"])
def test_frozen_layers_stay_as_they_are_unless_they_are_selected(version):
    model = network(version)
    model.layers[0].trainable = False
    before = kernels(model)
    coupling = CoupleWeights(strength=20, reach=0.4)
    fit(model, version, coupling, epochs=20)
    hidden, out = kernels(model)
    np.testing.assert_array_equal(hidden, before[0])
    assert not np.array_equal(out, before[1])
    (path,) = coupling.settle()
    assert "out" in path
    model.layers[0].trainable, model.layers[1].trainable = True, False
    settled = kernels(model)[1]
    fit(model, version, coupling, epochs=20)
    np.testing.assert_array_equal(kernels(model)[1], settled)
    assert not np.array_equal(kernels(model)[0], hidden)
    assert len(coupling.settle()) == 2
    model.trainable = False
    with pytest.raises(ValueError, match=r"no kernel of model .* trains; name those to couple"):
        fit(model, version, CoupleWeights(strength=20, reach=0.4), epochs=1)


def test_a_student_is_coupled_under_a_distiller():
    student = network(keras)
    before = kernels(student)
    distiller = tfqd.Distiller(trained(keras), student, FeatureDistillation())
    coupling = CoupleWeights(strength=20, reach=0.4)
    distiller.compile("sgd", "mse")
    distiller.fit(X, Y, epochs=2, verbose=0, callbacks=[coupling])
    assert not np.array_equal(kernels(student)[0], before[0])
    quantized = tfqd.quantize_model(student, coupling.settle())
    assert len(quantized.quantized_variables) == 2


def test_a_collapsed_tensor_is_said_and_refused():
    model, coupling = network(keras), CoupleWeights(strength=500, reach=8)
    with pytest.warns(UserWarning, match="out/kernel have gathered at one value"):
        fit(model, keras, coupling, epochs=20)
    before = kernels(model)
    with pytest.raises(ValueError, match="have gathered at one value; train with less strength"):
        coupling.settle()
    np.testing.assert_array_equal(kernels(model)[0], before[0])


def coupled_as(weights, start=None):
    """A model whose hidden kernel has these weights after coupling that moved none of them."""
    model = network(keras, np.shape(weights)[1])
    model.layers[0].kernel.assign(weights if start is None else start)
    coupling = CoupleWeights(strength=1e-9, reach=0.4, select="hidden/kernel")
    fit(model, keras, coupling, epochs=1, rate=1e-9)
    model.layers[0].kernel.assign(weights)
    return model, coupling


def test_all_but_an_outlier_at_one_value_is_said_and_refused():
    start = np.random.default_rng(0).normal(size=(8, 64))
    gathered = np.full((8, 64), 0.1)
    gathered[0, 0] = 3
    model, coupling = coupled_as(gathered, start)
    with pytest.warns(UserWarning, match=r"99\.8 % of the weights of .* gathered at one value"):
        coupling.on_train_end()
    with pytest.warns(UserWarning, match="train with less strength or reach"):
        assert [spec.levels for spec in coupling.settle().values()] == [2]
    with pytest.raises(ValueError, match="gathered at one value; train with less strength"):
        coupling.settle(least=0.01)
    apart = np.where(start > 1, 3, start / 10)
    model.layers[0].kernel.assign(apart)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.mean(apart < 3) < 0.95
        coupling.settle()


def test_weights_hardly_any_of_which_have_parted_are_said():
    weights = np.random.default_rng(0).normal(size=(8, 64))
    weights[0, 0] = 9
    _, coupling = coupled_as(weights)
    with pytest.warns(UserWarning, match="not parted into clusters yet; train longer, or with m"):
        coupling.settle(least=0)


def test_zeros_of_a_sparse_layer_are_no_collapse():
    sparse = np.zeros((8, 100))
    sparse[0, :20] = np.linspace(-1, 1, 20)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model, coupling = coupled_as(sparse)
        assert [spec.levels for spec in coupling.settle().values()] == [21]
    sparse[0, 1:20] = 0
    model.layers[0].kernel.assign(sparse)
    with pytest.warns(UserWarning, match=r"99\.88 % of the weights of .* gathered at one value"):
        coupling.on_train_end()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"gradient_scale": "bogus"}, ValueError, "gradient_scale must be one of"),
        ({"bits": 2}, ValueError, "settle takes no bits, which the clusters decide; got bits=2"),
        ({"init": "quantile"}, ValueError, "settle takes no init"),
        ({"points": 3}, ValueError, "settle takes no points"),
        ({"layout": "channel"}, ValueError, "settle takes no layout"),
        ({"bucket_size": 16}, ValueError, "settle takes no bucket_size"),
        ({"colour": 1}, TypeError, "colour"),
        ({"least": 0.9}, ValueError, "have less than 0.9 of them; give a smaller least"),
    ],
)
def test_a_model_is_as_it_was_when_it_cannot_settle(options, error, message):
    weights = np.random.default_rng(0).integers(-3, 4, size=(8, 8)).clip(-1)
    model, coupling = coupled_as(weights + np.random.default_rng(1).normal(0, 0.01, (8, 8)))
    before = kernels(model)[0]
    with pytest.raises(error, match=message):
        coupling.settle(**options)
    np.testing.assert_array_equal(kernels(model)[0], before)


def test_weights_that_have_diverged_are_called_that():
    model, coupling = network(keras), CoupleWeights(strength=20, reach=0.4)
    model.compile("sgd", "mse")
    with pytest.warns(UserWarning, match=r"64 of the 64 weights of .* NaN or infinite: training"):
        model.fit(X[:32], Y[:32] * np.nan, verbose=0, callbacks=[coupling])
    with pytest.raises(ValueError, match=r"256 of the 256 weights of .*hidden/kernel are NaN"):
        coupling.settle()


def test_weights_that_have_not_parted_yet_are_refused():
    model, coupling = trained(keras), CoupleWeights(strength=1e-3, reach=1.0)
    fit(model, keras, coupling, epochs=1)
    with pytest.raises(ValueError, match="have not parted into clusters yet; train longer"):
        coupling.settle(least=0.1)


def test_too_many_clusters_are_refused():
    model, coupling = network(keras, 200), CoupleWeights(strength=1e-6, reach=1e-5)
    fit(model, keras, coupling, epochs=1)
    with pytest.raises(ValueError, match=r"lie in 1\d\d\d clusters, more than the 256 points"):
        coupling.settle(least=0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"strength": 0, "reach": 1}, "strength must be a positive finite number; got 0"),
        ({"strength": 1, "reach": -1}, "reach must be a positive finite number; got -1"),
    ],
)
def test_arguments_are_checked(arguments, message):
    with pytest.raises(ValueError, match=message):
        CoupleWeights(**arguments)


def test_what_cannot_be_coupled_is_refused():
    coupling = CoupleWeights(strength=1, reach=0.1)
    with pytest.raises(ValueError, match="has not been used in a fit yet"):
        coupling.settle()
    quantized = tfqd.quantize_model(network(keras), 4)
    with pytest.raises(ValueError, match="is quantized already"):
        fit(quantized, keras, coupling, epochs=1)
    even = network(keras)
    even.layers[-1].kernel.assign(np.ones((32, 2)))
    with pytest.raises(ValueError, match=r"weights of .*out/kernel are all the same"):
        fit(even, keras, coupling, epochs=1)
    model = network(keras)
    model.compile("sgd", "mse", steps_per_execution=2)
    with pytest.raises(ValueError, match="steps_per_execution must be 1; got 2"):
        model.fit(X, Y, verbose=0, callbacks=[coupling])
    fit(model, keras, coupling, epochs=1)
    with pytest.raises(ValueError, match="least must be a number from 0 to below 1; got 1"):
        coupling.settle(least=1)
