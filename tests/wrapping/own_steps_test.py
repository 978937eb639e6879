"""A model class with a training of its own keeps it when it is quantized."""

import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras

import tfqd
from tfqd.wrapping.quantized import find_quantized

X = np.random.default_rng(0).normal(size=(16, 4)).astype("float32")
Y = X[:, :2] * 2
BOTH = pytest.mark.parametrize("version", [keras, tf_keras], ids=["keras", "tf_keras"])


@pytest.fixture(autouse=True)
def _seed():
    keras.utils.set_random_seed(0)
    tf_keras.utils.set_random_seed(0)


def graph_of_layers(kind, version):
    layers = [version.layers.Dense(8, name="a"), version.layers.Dense(2, name="b")]
    if issubclass(kind, version.Sequential):
        return kind([version.Input((4,)), *layers])
    inputs = outputs = version.Input((4,))
    for layer in layers:
        outputs = layer(outputs)
    return kind(inputs, outputs)


def by_hand(version, base):
    """A class that trains by a tape, logs a metric of its own and says how it evaluates."""

    class ByHand(base):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.error = version.metrics.Mean(name="error")

        def train_step(self, data):
            x, y = data
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(tf.square(self(x, training=True) - y))
            variables = self.trainable_variables
            gradients = tape.gradient(loss, variables)
            self.optimizer.apply_gradients(zip(gradients, variables, strict=True))
            self.error.update_state(loss)
            return {"error": self.error.result()}

        def test_step(self, data):
            x, y = data
            return {"farthest": tf.reduce_max(tf.abs(self(x, training=False) - y))}

    return ByHand


@BOTH
@pytest.mark.parametrize("base", ["Model", "Sequential"])
def test_steps_by_hand_train_and_evaluate_the_quantized_model(version, base):
    model = graph_of_layers(by_hand(version, getattr(version, base)), version)
    quantized = tfqd.quantize_model(model, "codebook2")
    entries = {entry.path: entry for entry in find_quantized(quantized)}
    points = {path: np.array(entry.state["points"]) for path, entry in entries.items()}
    quantized.compile(version.optimizers.SGD(0.1))
    history = quantized.fit(X, Y, epochs=8, verbose=0).history
    assert history.keys() == {"error"}
    assert history["error"][-1] < 0.5 * history["error"][0]
    for path, entry in entries.items():
        assert np.abs(np.array(entry.state["points"]) - points[path]).max() > 0, path
    farthest = quantized.evaluate(X, Y, verbose=0, return_dict=True)["farthest"]
    assert float(farthest) == pytest.approx(np.abs(np.array(quantized(X)) - Y).max(), rel=1e-5)
    assert type(tfqd.strip_quantization(quantized)) is type(model)


@BOTH
def test_a_metric_of_the_class_starts_anew_each_epoch(version):
    model = graph_of_layers(by_hand(version, version.Model), version)
    quantized = tfqd.quantize_model(model, 4)
    quantized.compile(version.optimizers.SGD(0.0))
    history = quantized.fit(X, Y, epochs=2, batch_size=16, verbose=0).history
    assert history["error"][1] == pytest.approx(history["error"][0], rel=1e-5)
    assert [metric.name for metric in quantized.metrics][-1] == "error"


@keras.saving.register_keras_serializable(package="own_steps_test")
class Scaled(keras.Model):
    """Overrides a loss, without `training`, by ``super()``, and has a `compile` of its own."""

    def compile(self, factor=1.0, **kwargs):
        super().compile(**kwargs)
        self.factor = factor

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None):
        return self.factor * super().compute_loss(x, y, y_pred, sample_weight)

    def compile_from_config(self, config):
        self.compile(factor=3.0, optimizer="sgd", loss="mse")


def test_an_own_loss_counts_in_training_and_evaluation():
    quantized = tfqd.quantize_model(graph_of_layers(Scaled, keras), 4)
    quantized.compile(factor=3.0, optimizer=keras.optimizers.SGD(0.0), loss="mse")
    expected = 3.0 * float(np.mean(np.square(quantized(X).numpy() - Y)))
    assert quantized.fit(X, Y, verbose=0).history["loss"][0] == pytest.approx(expected, rel=1e-5)
    assert quantized.evaluate(X, Y, verbose=0) == pytest.approx(expected, rel=1e-5)
    assert quantized.model.factor == 3.0


def test_own_steps_come_back_from_files(tmp_path):
    quantized = tfqd.quantize_model(graph_of_layers(Scaled, keras), 4)
    quantized.compile(factor=3.0, optimizer="sgd", loss="mse")
    expected = quantized.evaluate(X, Y, verbose=0)
    quantized.save(tmp_path / "q.keras")
    reloaded = keras.saving.load_model(tmp_path / "q.keras")
    assert reloaded.evaluate(X, Y, verbose=0) == pytest.approx(expected, rel=1e-5)
    tfqd.save(quantized, tmp_path / "q.tfqd")
    assert type(tfqd.load(tmp_path / "q.tfqd")) is Scaled
    again = tfqd.load(tmp_path / "q.tfqd", "quantized")
    again.compile(factor=1.0, optimizer="sgd", loss="mse")
    assert again.evaluate(X, Y, verbose=0) == pytest.approx(expected / 3, rel=1e-4)


@pytest.mark.parametrize("jit_compile", [True, False])
def test_layers_that_a_step_calls_by_themselves_are_told_of(jit_compile):
    class AroundTheModel(keras.Model):
        def train_step(self, data):
            x, y = data
            with tf.GradientTape() as tape:
                hidden = self.get_layer("b")(self.get_layer("a")(x))
                loss = tf.reduce_mean(tf.square(hidden - y))
            variables = self.trainable_variables
            self.optimizer.apply(tape.gradient(loss, variables), variables)
            return {"loss": loss}

    quantized = tfqd.quantize_model(graph_of_layers(AroundTheModel, keras), 4)
    quantized.compile("sgd", jit_compile=jit_compile)
    with pytest.warns(UserWarning, match=r"AroundTheModel\.train_step never calls self"):
        quantized.fit(X, Y, verbose=0)


def test_what_is_not_kept_is_told_of():
    class Fits(keras.Model):
        def fit(self, *args, **kwargs):
            return super().fit(*args, **kwargs)

    with pytest.warns(UserWarning, match="Fits's own fit is not kept") as told:
        tfqd.quantize_model(graph_of_layers(Fits, keras), 4)
    assert told[0].filename == __file__


def test_a_tf_keras_class_that_takes_no_graph_is_told_of():
    class Odd(tf_keras.Model):
        def __init__(self, inputs, outputs, margin):
            super().__init__(inputs, outputs)
            self.margin = margin

        def train_step(self, data):
            return super().train_step(data)

    inputs = tf_keras.Input((4,))
    model = Odd(inputs, tf_keras.layers.Dense(2)(inputs), margin=1.0)
    with pytest.warns(UserWarning, match="Odd's own train_step is not kept"):
        quantized = tfqd.quantize_model(model, 4)
    quantized.compile("sgd", "mse")
    assert np.isfinite(quantized.fit(X, Y, verbose=0).history["loss"][0])


@BOTH
def test_a_distiller_tells_that_it_trains_by_its_own_step(version):
    teacher = graph_of_layers(version.Model, version)
    student = tfqd.quantize_model(graph_of_layers(by_hand(version, version.Model), version), 4)
    with pytest.warns(UserWarning, match="trained by the Distiller's own steps") as told:
        tfqd.Distiller(teacher, student)
    assert "not by its class's train_step, test_step;" in str(told[0].message)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tfqd.Distiller(teacher, tfqd.quantize_model(teacher, 4))


@BOTH
def test_a_class_keeps_its_training_with_rounded_activations(version):
    model = graph_of_layers(by_hand(version, version.Model), version)
    quantized = tfqd.quantize_model(
        model, tfqd.presets.deployable(8), activations=tfqd.Activations()
    )
    tfqd.calibrate(quantized, X)
    quantized.compile(version.optimizers.SGD(0.01))
    assert [*quantized.fit(X, Y, verbose=0).history] == ["error"]
    assert [*quantized.evaluate(X, Y, verbose=0, return_dict=True)] == ["farthest"]


@BOTH
def test_a_training_that_is_not_kept_with_rounded_activations_is_said(version):
    model = graph_of_layers(by_hand(version, version.Sequential), version)
    with pytest.warns(UserWarning, match="ByHand's own .*train_step.* is not kept"):
        tfqd.quantize_model(model, tfqd.presets.deployable(8), activations=tfqd.Activations())
