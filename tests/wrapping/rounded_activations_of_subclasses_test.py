"""Subclassed models round activations where the graph that their call makes has ranges."""

import keras
import numpy as np
import pytest
from keras import layers

import tfqd

X = np.random.default_rng(0).normal(size=(64, 8, 8, 3)).astype(np.float32)
Y = (X.mean(axis=(1, 2, 3)) > 0).astype(np.int32)


class Block(keras.Model):
    """A residual block."""

    def __init__(self, channels, **kwargs):
        super().__init__(**kwargs)
        self.convolution = layers.Conv2D(channels, 3, padding="same", use_bias=False)
        self.normalization = layers.BatchNormalization()

    def call(self, x, training=None):
        y = self.normalization(self.convolution(x), training=training)
        return keras.ops.relu(x + y)


class Network(keras.Model):
    """Blocks within a model, and dropout."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.stem = layers.Conv2D(4, 3, padding="same", activation="relu", name="stem")
        self.first, self.second = Block(4), Block(4)
        self.drop = layers.Dropout(0.1)
        self.pool = layers.GlobalAveragePooling2D()
        self.classes = layers.Dense(2, name="classes")

    def call(self, image, training=None):
        x = self.second(self.first(self.stem(image)))
        return self.classes(self.drop(self.pool(x), training=training))


def quantized(model, activations=None):
    model(X[:1])
    return tfqd.quantize_model(
        model, tfqd.presets.deployable(8), activations=activations or tfqd.Activations()
    )


@pytest.fixture(name="trained", scope="module")
def trained_network():
    keras.utils.set_random_seed(0)
    model = Network()
    result = quantized(model)
    tfqd.calibrate(result, X)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    result.compile(keras.optimizers.Adam(0.01), loss, jit_compile=False)
    losses = result.fit(X, Y, epochs=2, verbose=0).history["loss"]
    return model, result, losses


def test_ranges_are_those_of_the_functional_model(trained):
    _, result, losses = trained
    reasons = [each.reason for each in result.quantized_activations]
    assert reasons[0] == "an input of the model"
    assert reasons.count("after a ReLU") == 3  # the stem and the sums of two blocks
    assert losses[-1] < losses[0]


def test_the_float_model_is_left_as_it_was(trained):
    model, result, _ = trained
    assert type(model) is Network
    assert not np.array_equal(result.model.get_layer("stem").kernel, model.stem.kernel)


def test_the_file_computes_what_was_trained(trained, tmp_path):
    result = trained[1]
    file = tmp_path / "m.tflite"
    assert (
        tfqd.export.tflite(result, file, io_dtype="int8", probes=X[:32]).largest_difference < 0.03
    )
    (name,) = tfqd.export.simulate_integer(file, X[:4])
    assert name == "classes"


class InTraining(Network):
    def call(self, image, training=None):
        return super().call(image) if training else keras.ops.relu(super().call(image))


class OfValues(Network):
    def build(self, shape):
        super().call(keras.Input(shape[1:]))

    def call(self, image, training=None):
        return super().call(image) * float(keras.ops.max(image))


class Scaled(Network):
    def build(self, shape):
        self.scale = self.add_weight(shape=(2,), name="scale")
        super().call(keras.Input(shape[1:]))

    def call(self, image, training=None):
        return super().call(image) * self.scale


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (InTraining, "calls other layers when training=True"),
        (OfValues, "cannot be called on symbolic inputs, as a call of Keras layers and"),
        (Scaled, r"has weights outside the layers that it calls: .*scale"),
    ],
)
def test_what_tells_no_graph_is_refused(kind, message):
    with pytest.raises(ValueError, match=message):
        quantized(kind())


def test_a_training_step_that_is_not_kept_is_said():
    class Own(Network):
        def train_step(self, data):
            return super().train_step(data)

    with pytest.warns(UserWarning, match=r"Own's own train_step is not kept .* of the model's gra"):
        quantized(Own())
