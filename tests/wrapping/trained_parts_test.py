"""Points, weights or both: what training moves, and the paper's Algorithm 2 step by step."""

import keras
import numpy as np
import pytest
from keras import layers

import tfqd
from tfqd.wrapping.quantized import find_quantized

ALPHAS = np.float32([[1.0, 4.0, 0.5]])


def network():
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((8,)),
            layers.Dense(6, activation="relu"),
            layers.BatchNormalization(),
            layers.Dense(1),
        ]
    )


@pytest.fixture(scope="module")
def data():
    x = np.random.default_rng(1).normal(size=(64, 8)).astype("float32")
    return x, x[:, :1] - x[:, 1:2]


def parts(quantized):
    """Float weights, and points, of the quantized variables."""
    entries = quantized.quantized_variables
    return (
        [entry.variable.numpy() for entry in entries],
        [entry.state["points"].numpy() for entry in entries],
    )


def moved(before, after):
    return [not np.array_equal(old, new) for old, new in zip(before, after, strict=True)]


@pytest.mark.parametrize(
    ("train", "weights_move", "points_move"),
    [("both", True, True), ("points", False, True), ("weights", True, False)],
)
def test_training_moves_what_the_spec_says_and_goes_on_after_a_reload(
    data, tmp_path, train, weights_move, points_move
):
    spec = tfqd.Codebook(bits=3, train=train, gradient_scale="lsq")
    quantized = tfqd.quantize_model(network(), spec)
    quantized.save(tmp_path / "model.keras")
    for model in (quantized, keras.saving.load_model(tmp_path / "model.keras")):
        before = parts(model)
        model.compile(keras.optimizers.AdamW(0.02, weight_decay=0.1), "mse")
        losses = model.fit(*data, epochs=4, verbose=0).history["loss"]
        assert losses[-1] < losses[0]
        assert moved(before[0], parts(model)[0]) == [weights_move] * 2
        assert moved(before[1], parts(model)[1]) == [points_move] * 2


def test_the_papers_preset_trains_points_alone_and_keeps_statistics(data):
    quantized = tfqd.quantize_model(network(), tfqd.presets.paper(4, codebook=True))
    points = [entry.state["points"] for entry in quantized.quantized_variables]
    assert quantized.trainable_variables == points
    assert len(points) == 6
    (norm,) = [part for part in quantized.model.layers if "normalization" in part.name]
    statistics = norm.moving_mean.numpy()
    quantized.compile(keras.optimizers.SGD(0.01, 0.9), "mse")
    quantized.fit(*data, verbose=0)
    assert not np.array_equal(norm.moving_mean, statistics)
    kept = tfqd.compress(quantized)
    for entry, tensor in zip(quantized.quantized_variables, kept.quantized.values(), strict=True):
        np.testing.assert_array_equal(tensor.points, np.sort(entry.state["points"]))


POINTS_ALONE = tfqd.Codebook(bits=2, train="points")


class OwnKernel(layers.Layer):
    """Quantizes a kernel of its own."""

    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(input_shape[-1], 1), regularizer="l2", name="kernel")
        self.quantizer = tfqd.layers.Quantizer(POINTS_ALONE)
        self.quantizer(self.kernel)

    def call(self, x):
        return x @ self.quantizer(self.kernel)


def regularized():
    return layers.Dense(1, kernel_regularizer="l2", use_bias=False)


def quantized_model():
    model = keras.Sequential([keras.Input((8,)), regularized()])
    return tfqd.quantize_model(model, POINTS_ALONE)


def wrapped():
    layer = tfqd.layers.QuantizeWrapper(regularized(), POINTS_ALONE)
    return keras.Sequential([keras.Input((8,)), layer])


def own_layer():
    return keras.Sequential([keras.Input((8,)), OwnKernel()])


@pytest.mark.parametrize("make", [quantized_model, wrapped, own_layer])
@pytest.mark.parametrize("of", ["all", "inside"])
def test_frozen_weights_stay_though_layers_are_frozen_and_thawed(make, of, data):
    model = make()
    (entry,) = find_quantized(model)
    switched = model if of == "all" else getattr(model, "model", model.layers[-1])
    switched.trainable = False
    switched.trainable = True
    assert [v.path for v in model.trainable_variables] == [entry.state["points"].path]
    assert [v.path for v in model.non_trainable_weights] == [entry.variable.path]
    kernel = entry.variable.numpy()
    model.compile("sgd", "mse")
    model.fit(*data, verbose=0)
    np.testing.assert_array_equal(entry.variable, kernel)


def test_points_follow_algorithm_2_step_by_step():
    """One Dense layer and mean squared error, next to plain numpy."""
    random = np.random.default_rng(2)
    x, y = random.normal(size=(20, 6)), random.normal(size=(20, 3))
    model = keras.Sequential([keras.Input((6,)), layers.Dense(3, use_bias=False)])
    kernel = (random.normal(size=(6, 3)) * ALPHAS).astype("float32")
    model.set_weights([kernel])
    quantized = tfqd.quantize_model(
        model, tfqd.Codebook(bits=2, bucket_size=5, train="points", init="uniform")
    )
    quantized.compile(keras.optimizers.SGD(0.05, momentum=0.9), "mse")

    flat = kernel.reshape(-1).astype(float)
    buckets = [slice(start, start + 5) for start in range(0, 18, 5)]
    low, scale = np.empty(18), np.empty(18)
    for bucket in buckets:
        low[bucket], scale[bucket] = flat[bucket].min(), np.ptp(flat[bucket])
    scaled = (flat - low) / scale
    points, velocity, crossed = np.linspace(0, 1, 4), np.zeros(4), False
    for _ in range(12):
        nearest = np.abs(scaled[:, None] - points).argmin(axis=1)
        used = (points[nearest] * scale + low).reshape(6, 3)
        upstream = 2 * x.T @ (x @ used - y) / y.size
        gradient = np.bincount(nearest, scale * upstream.reshape(-1), 4)
        velocity = 0.9 * velocity - 0.05 * gradient
        points = points + velocity
        crossed = crossed or (np.diff(points) < 0).any()
        quantized.train_on_batch(x, y)

    (entry,) = quantized.quantized_variables
    np.testing.assert_allclose(entry.state["points"], points, atol=1e-4)
    assert crossed  # the optimizer's momentum stays with its point
    np.testing.assert_array_equal(quantized.model.get_weights()[0], kernel)
